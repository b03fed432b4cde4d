"""The server's data in memory: registered tasks, all runs, and idempotency keys."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from flows.render_dev.models import Task, TaskRun

KEY_SECONDS = 24 * 3600.0  # how long the platform keeps an idempotency key


class RunStore:
    """Tasks by name and runs by id, in order of creation."""

    def __init__(self) -> None:
        self.tasks: dict[str, Task] = {}
        self.runs: dict[str, TaskRun] = {}
        self._keys: dict[Hashable, tuple[TaskRun, float]] = {}

    def replace_tasks(self, declared: Iterable[Task]) -> None:
        """Replace the tasks: a known name keeps its id and creation time, a missing one is removed."""
        tasks: dict[str, Task] = {}
        for task in declared:
            known = self.tasks.get(task.name)
            tasks[task.name] = replace(task, id=known.id, created_at=known.created_at) if known else task
        self.tasks = dict(sorted(tasks.items(), key=lambda item: item[1].id))

    def task(self, slug: str) -> Task | None:
        """Find a task by its id or name."""
        return self.tasks.get(slug) or next((task for task in self.tasks.values() if task.id == slug), None)

    def resolve(self, slug: str) -> Task | None:
        """Find a task by its id, its name, or `workflow-slug/name`."""
        return self.task(slug) or self.tasks.get(slug.rpartition("/")[2])

    def add(self, run: TaskRun, key: Hashable | None) -> None:
        """Add a run, and its key for repeated starts."""
        self.runs[run.id] = run
        if key is not None:
            self._keys[key] = (run, time.monotonic())

    def started_with(self, key: Hashable | None) -> TaskRun | None:
        """Return the run that was started with this key within the last 24 hours."""
        run, since = self._keys.get(key, (None, 0.0))
        return run if run and time.monotonic() - since < KEY_SECONDS else None

    def tree(self, root: TaskRun) -> list[TaskRun]:
        """Return a root and all its descendants."""
        return [run for run in self.runs.values() if run.root is root]
