"""A client of Render's REST API, local or cloud. Every error says what to do."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from flows.on_render.connection import Connection, LostError, MissingError
from shared.run.errors import TerminalError, TransientError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.on_render.endpoint import Endpoint

PAGE = 100  # entries in one answer, the cloud's limit
LOG_RUNS = 200  # runs whose log is requested at once; their ids are in the request's first line
JsonObject = dict[str, Any]


class VanishedError(TransientError):
    """Render does not know a run any more."""


class RenderApi:
    """Starts, reads and cancels task runs. Close it, or use it in a ``with`` block.

    A request without an answer is repeated with growing waits, for at most the endpoint's patience. A start is only
    repeated on the cloud, where its key makes that safe.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._connection = Connection(endpoint)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def start(self, task: str, arguments: list[Any], idempotency_key: str | None = None) -> str:
        """Start a run of a task; a second start with the same key returns the same run.

        Returns:
            The run's id.

        Raises:
            TerminalError: There is no such task, or Render refuses the key or the arguments.
            LostError: Render does not answer; the run may have started.
        """
        key = idempotency_key or (None if self.endpoint.local else str(uuid.uuid4()))
        try:
            return self._start(task, arguments, key)
        except MissingError:
            if self.endpoint.local:
                raise TerminalError(self._no_local_task(task)) from None
        self.endpoint = replace(self.endpoint, workflow=self._workflow_with_suffix(task))
        return self._start(task, arguments, key)

    def _start(self, task: str, arguments: list[Any], key: str | None) -> str:
        body = {"task": self.endpoint.slug(task), "input": arguments} | ({"idempotencyKey": key} if key else {})
        patience = 0 if self.endpoint.local else self.endpoint.patience
        return str(_a_run(self._connection.ask("POST", "/task-runs", repeat_for=patience, json=body))["id"])

    def run(self, run_id: str) -> JsonObject:
        """Return a run with its attempts, and its results or its error.

        Raises:
            VanishedError: Render does not know it.
            LostError: Render does not answer.
        """
        try:
            return _a_run(self._read(f"/task-runs/{run_id}"))
        except MissingError as error:
            why = "was the server restarted?" if self.endpoint.local else "is the key of the run's workspace?"
            raise VanishedError(f"{self.endpoint.url} does not know the run {run_id}; {why}") from error

    def state(self, run_id: str) -> str | None:
        """Return the state of a run with a single request; None without an answer, or if the run is unknown."""
        try:
            return str(_a_run(self._connection.ask("GET", f"/task-runs/{run_id}"))["status"])
        except (LostError, TerminalError):
            return None

    def seconds(self, run_id: str) -> float:
        """Return the duration of a run that has ended, in seconds."""
        run = self.run(run_id)
        started, completed = (datetime.fromisoformat(run[name]) for name in ("startedAt", "completedAt"))
        return (completed - started).total_seconds()

    def subtasks(self, run_id: str) -> list[JsonObject]:
        """Return all runs below a root in the order of their starts; runs that have not started come last."""
        runs = self._pages("/task-runs", "taskRun", rootTaskRunId=run_id)
        below = [run for run in runs if run["rootTaskRunId"] == run_id != run["id"]]
        return sorted(below, key=lambda run: (not run.get("startedAt"), run.get("startedAt") or "", run["id"]))

    def roots(self) -> list[JsonObject]:
        """Return all root runs of a local server, oldest first."""
        return [run for run in self._pages("/task-runs", "taskRun") if run["rootTaskRunId"] == run["id"]]

    def task_names(self) -> dict[str, str]:
        """Return the names of a local server's tasks by id."""
        tasks = [entry["task"] for entry in self._read("/tasks")]
        return {task["id"]: task["name"] for task in tasks}

    def log(self, run_id: str) -> str:
        """Return the output of a root and all runs below it, in order; local servers only."""
        runs = [run_id, *(run["id"] for run in self.subtasks(run_id))]
        records: list[JsonObject] = []
        for first in range(0, len(runs), LOG_RUNS):
            ids = ",".join(runs[first : first + LOG_RUNS])
            records += self._read("/logs", taskRunID=ids)["logs"]
        records.sort(key=lambda record: datetime.fromisoformat(record["timestamp"]))
        return "".join(record["message"] for record in records)

    def cancel(self, run_id: str) -> None:
        """Cancel a root and all runs below it.

        Raises:
            TransientError: It has ended, or Render does not answer.
        """
        patience = 0 if self.endpoint.local else self.endpoint.patience
        try:
            self._connection.ask("DELETE", f"/task-runs/{run_id}", repeat_for=patience)
        except TerminalError as error:
            raise TransientError(f"the run {run_id} cannot be canceled: {error}") from error

    def how_to_cancel(self, run_id: str) -> str:
        """Return the command that cancels a run."""
        key = "" if self.endpoint.local else '-H "Authorization: Bearer $RENDER_API_KEY" '
        return f"curl -X DELETE {key}{self.endpoint.url}/v1/task-runs/{run_id}"

    def _read(self, path: str, **query: str | int) -> Any:  # noqa: ANN401 — any JSON
        return self._connection.ask("GET", path, repeat_for=self.endpoint.patience, params=query)

    def _pages(self, path: str, kind: str, **query: str | int) -> Iterator[JsonObject]:
        """Yield every entry of a list once."""
        seen: set[str] = set()
        page = _entries(self._read(path, limit=PAGE, **query), kind)
        while news := [entry for entry in page if entry["cursor"] not in seen]:
            yield from (entry[kind] for entry in news)
            seen.update(entry["cursor"] for entry in news)
            if len(page) < PAGE:
                return
            # the official local server ignores the cursor and returns the same entries again
            page = _entries(self._read(path, limit=PAGE, cursor=page[-1]["cursor"], **query), kind)

    def _workflow_with_suffix(self, task: str) -> str:
        """Return the slug of the only workflow with the configured name, to which Render may append letters.

        Raises:
            TerminalError: There is none, or more than one.
        """
        wanted = self.endpoint.workflow
        workflows = [flow for flow in self._pages("/workflows", "workflow") if flow.get("slug")]
        slugs: dict[str, str] = {flow["slug"]: flow["name"] for flow in workflows}
        named = [slug for slug, name in slugs.items() if name == wanted]
        if wanted not in slugs and len(named) == 1:
            return named[0]
        raise TerminalError(
            f"Render has no task {self.endpoint.slug(task)}; the workflows that this key may see are "
            f"{', '.join(sorted(slugs)) or 'none at all'}: compare WORKFLOW_SLUG, and see in Render's dashboard "
            "whether the workflow's latest version is ready"
        )

    def _no_local_task(self, task: str) -> str:
        tasks = self.task_names().values()
        return (
            f"the server at {self.endpoint.url} has no task {task}, only {', '.join(tasks) or 'none at all'}; "
            "`shardwise render-dev` without a command serves ours"
        )


def _a_run(answer: object) -> JsonObject:
    if isinstance(answer, dict) and {"id", "status"} <= answer.keys():
        return answer
    raise LostError(f"Render answers {answer!r:.200}, which is not a task run")


def _entries(answer: object, kind: str) -> list[JsonObject]:
    if isinstance(answer, list) and all(isinstance(each, dict) and {"cursor", kind} <= each.keys() for each in answer):
        return answer
    raise LostError(f"Render answers {answer!r:.200}, which is not a list of {kind}s")
