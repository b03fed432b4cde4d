"""Limits how many runs work at once; other runs wait as `pending`."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flows.render_dev.models import TaskRun


class Slots:
    """A limit on working runs, first come first served.

    The platform documents a limit of concurrent runs and a queue, but not whether a run counts while it waits for its
    subtasks. Here it does not count, because parents could otherwise fill every slot and wait for subtasks that never
    get one. A run whose subtasks have ended counts again, even if the limit is then exceeded for a moment; nothing
    starts until it is not.
    """

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._working: set[TaskRun] = set()
        self._queue: deque[tuple[TaskRun, asyncio.Future[None]]] = deque()

    def request(self, run: TaskRun) -> asyncio.Future[None]:
        """Queue a run; the result is done when its attempt has begun, which is at once if a slot is free."""
        admission: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((run, admission))
        self.admit()
        return admission

    def release(self, run: TaskRun) -> None:
        """Give a slot back."""
        self._working.discard(run)
        self.admit()

    def admit(self) -> None:
        """Start waiting runs while slots are free; call this whenever a slot may be free."""
        while self._queue and self._free():
            run, admission = self._queue.popleft()
            if not admission.done():
                self._working.add(run)
                run.begin_attempt()
                admission.set_result(None)

    def _free(self) -> bool:
        return self._limit is None or sum(not run.open_subtasks for run in self._working) < self._limit
