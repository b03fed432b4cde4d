"""Runs tasks: start, attempts, retries, cancellation, end. One asyncio task drives each run."""

from __future__ import annotations

import asyncio
import importlib
from typing import TYPE_CHECKING

from flows.render_dev.concurrency import Slots
from flows.render_dev.listeners import Listeners
from flows.render_dev.models import CLOUD_RETRY, NO_RETRY, Completed, Failed, Status, TaskAttempt, TaskRun
from flows.render_dev.processes.launcher import LaunchError
from flows.render_dev.processes.workers import Crash, Lost
from flows.render_dev.server_options import CLOUD_TIMEOUT, MAX_ARGUMENT_BYTES, ServerOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from datetime import timedelta

    from flows.render_dev.console import Console
    from flows.render_dev.models import Task
    from flows.render_dev.processes.launcher_pool import LauncherPool
    from flows.render_dev.processes.workers import TaskWorker, Workers
    from flows.render_dev.run_store import RunStore


def _find(name: str) -> Callable[[str, object, str, int | None], None]:
    """Return the function of `MODULE:FUNCTION`."""
    module, _, function = name.partition(":")
    found: Callable[[str, object, str, int | None], None] = getattr(importlib.import_module(module), function)
    return found


class TooLargeError(Exception):
    """The arguments of a run exceed the platform's limit."""


class NotActiveError(Exception):
    """The run cannot be cancelled: it has ended, or it is not a root."""


class Coordinator:
    """Starts runs and drives them until they end."""

    def __init__(
        self, options: ServerOptions, store: RunStore, launchers: LauncherPool, workers: Workers, console: Console
    ) -> None:
        self._like_cloud = options.like_cloud
        self._slots = Slots(options.slots)
        self._store, self._launchers, self._workers, self._console = store, launchers, workers, console
        self._on_crash = _find(options.on_crash) if options.on_crash else None
        self._drivers: dict[TaskRun, asyncio.Task[None]] = {}
        self.ended: Listeners[TaskRun] = Listeners()

    def start(
        self, task: Task, arguments: bytes, *, parent: TaskRun | None = None, key: Hashable | None = None
    ) -> TaskRun:
        """Start a run, or return the run that was started with the same key.

        Raises:
            TooLargeError: The arguments exceed the platform's limit.
        """
        if known := self._store.started_with(key):
            return known
        if self._like_cloud and len(arguments) > MAX_ARGUMENT_BYTES:
            raise TooLargeError(
                f"the input of {task.name} is {len(arguments)} bytes; a run takes at most {MAX_ARGUMENT_BYTES}"
            )
        run = TaskRun(task, arguments, parent)
        self._store.add(run, key)
        if parent:
            parent.open_subtasks += 1
        self._drivers[run] = asyncio.create_task(self._drive(run, self._slots.request(run)))
        self._drivers[run].add_done_callback(lambda driver: self._driven(run, driver))
        return run

    def cancel(self, run: TaskRun) -> None:
        """Cancel a root with all its descendants: their processes are killed and not retried.

        Raises:
            NotActiveError: It is a subtask, or has ended.
        """
        if run.parent is not None:
            raise NotActiveError(f"task run {run.id} is a subtask; cancel its root {run.root.id} instead")
        if run.ended.is_set():
            raise NotActiveError(f"task run {run.id} is not active")
        for each in self._store.tree(run):
            if not each.ended.is_set():
                self._drivers[each].cancel()
                self._finish(each, Status.CANCELED)

    async def close(self) -> None:
        """Stop driving runs; their processes end with the launcher."""
        for driver in self._drivers.values():
            driver.cancel()
        await asyncio.gather(*self._drivers.values(), return_exceptions=True)

    async def _drive(self, run: TaskRun, admission: asyncio.Future[None]) -> None:
        """Make attempts until one succeeds or none is left."""
        while True:
            try:
                await admission
                clearing = await self._attempt(run)
            finally:
                admission.cancel()
                self._slots.release(run)
            delay = self._retry_delay(run) if clearing else None
            if clearing is None or delay is None:
                self._finish(run, run.attempts[-1].status)
                return
            run.status = Status.PENDING
            # two processes of one run never overlap
            await asyncio.gather(asyncio.sleep(delay.total_seconds()), asyncio.shield(clearing))
            admission = self._slots.request(run)

    def _driven(self, run: TaskRun, driver: asyncio.Task[None]) -> None:
        """End a run with an error if its driver fails."""
        del self._drivers[run]
        if not driver.cancelled() and (error := driver.exception()) and not run.ended.is_set():
            for attempt in run.attempts[-1:]:
                attempt.end(Status.FAILED, Failed(f"the local server failed: {error!r}"))
            self._finish(run, Status.FAILED)

    def _retry_delay(self, run: TaskRun) -> timedelta | None:
        retry = run.task.retry or (CLOUD_RETRY if self._like_cloud else NO_RETRY)
        return retry.delay(len(run.attempts))

    async def _attempt(self, run: TaskRun) -> asyncio.Task[None] | None:
        """Make an attempt; return the end of its process if another attempt may follow, else None."""
        self._console.running(run)
        attempt = run.attempts[-1]
        try:
            worker = await self._workers.open(await self._launchers.current(), run)
        except OSError as error:
            attempt.end(Status.FAILED, Failed(f"no process could be started: {error}"))
            return None
        try:
            outcome = await self._outcome(run, worker)
        except LaunchError as error:
            attempt.end(Status.FAILED, Failed(str(error)))
            return None
        except asyncio.CancelledError:
            worker.kill()
            self._attempt_died(run, attempt, "canceled", worker)
            raise
        finally:
            closing = self._workers.close(worker)
        if isinstance(outcome, Completed):
            attempt.end(Status.COMPLETED, outcome)
            return None
        attempt.end(Status.FAILED, outcome)
        return closing

    async def _outcome(self, run: TaskRun, worker: TaskWorker) -> Completed | Failed:
        """Wait for the worker's answer, its crash, or the task's timeout."""
        limit = (run.task.timeout or CLOUD_TIMEOUT).total_seconds() if self._like_cloud else None
        try:
            async with asyncio.timeout(limit):
                answer: Completed | Failed = await asyncio.shield(worker.answer)
        except TimeoutError:
            worker.kill()
            died = f"task exceeded its timeout of {limit:g} s and was killed"
        except Lost:
            return Failed("its process does not answer and counts as lost")
        except Crash as ending:
            died = "start command exited before completing the task" + (f": {ending}" if str(ending) else "")
        else:
            return answer
        self._attempt_died(run, run.attempts[-1], died, worker)
        return Failed(died)

    def _attempt_died(self, run: TaskRun, attempt: TaskAttempt, reason: str, worker: TaskWorker) -> None:
        """Report an attempt that was killed, timed out or crashed, because its process could not record the end."""
        self._console.died(run.task.name, run.arguments(), run.attempts.index(attempt) + 1, reason)
        if self._on_crash:  # in a thread, because it may use a store
            asyncio.get_running_loop().run_in_executor(
                None, self._on_crash, run.task.name, run.arguments(), reason, worker.child.pid
            )

    def _finish(self, run: TaskRun, status: Status) -> None:
        if status is Status.CANCELED and run.attempts and run.attempts[-1].completed_at is None:
            run.attempts[-1].end(Status.CANCELED, None)
        run.finish(status)
        if run.parent:
            run.parent.open_subtasks -= 1
            self._slots.admit()
        self._console.ended(run)
        self.ended.publish(run)
