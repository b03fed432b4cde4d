"""The JSON of the REST interface for tasks, runs and their details.

Missing values are left out, except `results`, which is null; the SDK expects this form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flows.render_dev.models import Completed, Failed, Status, Task, TaskAttempt, TaskRun

if TYPE_CHECKING:
    from datetime import datetime

JSON = dict[str, Any]


def stamp(moment: datetime) -> str:
    """Return a time as RFC 3339 in UTC."""
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def task_view(task: Task) -> JSON:
    """Describe a task."""
    return {"createdAt": stamp(task.created_at), "id": task.id, "name": task.name}


def run_view(run: TaskRun) -> JSON:
    """Describe a run as start and list show it."""
    return _common(run) | {"attempts": [_attempt(index, each) for index, each in enumerate(run.attempts)]}


def details_view(run: TaskRun) -> JSON:
    """Describe a run with its input, its results or its error, and its attempts."""
    details = _common(run) | {"input": run.arguments(), "results": None}
    details["attempts"] = [_attempt(index, each) | _outcome(each) for index, each in enumerate(run.attempts)]
    if run.status in {Status.COMPLETED, Status.FAILED}:
        details |= _outcome(run.attempts[-1])
    return details


def _common(run: TaskRun) -> JSON:
    view: JSON = {
        "id": run.id,
        "parentTaskRunId": run.parent.id if run.parent else "",
        "retries": max(len(run.attempts) - 1, 0),
        "rootTaskRunId": run.root.id,
        "status": run.status.value,
        "taskId": run.task.id,
    }
    return view | _times(run)


def _attempt(index: int, attempt: TaskAttempt) -> JSON:
    return {"attempt": index, "status": attempt.status.value} | _times(attempt)


def _times(thing: TaskRun | TaskAttempt) -> JSON:
    times = {"startedAt": thing.started_at, "completedAt": thing.completed_at}
    return {key: stamp(moment) for key, moment in times.items() if moment}


def _outcome(attempt: TaskAttempt) -> JSON:
    match attempt.outcome:
        case Completed() as completed:
            return {"results": completed.results()}
        case Failed(error):
            return {"error": error}
        case _:
            return {}
