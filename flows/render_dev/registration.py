"""Finds out which tasks exist: a worker in register mode declares them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from flows.render_dev.models import Retry, Task, new_id, now
from flows.render_dev.processes.launcher import LaunchError
from flows.render_dev.processes.workers import Crash

if TYPE_CHECKING:
    from flows.render_dev.processes.launcher import Launcher
    from flows.render_dev.processes.launcher_pool import LauncherPool
    from flows.render_dev.processes.workers import Workers
    from flows.render_dev.run_store import RunStore

DEFAULT_FACTOR = 2.0  # the platform's backoff for retries without one
JSON = dict[str, Any]


class RegistrationError(Exception):
    """The command did not register its tasks; the message says why."""


class Registration:
    """Keeps the store's tasks equal to those of the current code."""

    def __init__(self, store: RunStore, launchers: LauncherPool, workers: Workers) -> None:
        self._store, self._launchers, self._workers = store, launchers, workers
        self._running: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None
        self._waiting: dict[asyncio.Task[None], int] = {}
        self._registered: Launcher | None = None

    async def refresh(self) -> None:
        """Update the tasks; parallel callers share one registration.

        A running registration may have read older code, so a caller joins the next one. A registration without a caller
        is ended, because the code may hang.

        Raises:
            RegistrationError: The command ended, or could not be started.
        """
        if self._next is None:
            self._next = asyncio.create_task(self._after(self._running))
        mine = self._next
        self._waiting[mine] = self._waiting.get(mine, 0) + 1
        try:
            await asyncio.shield(mine)
        finally:
            self._waiting[mine] -= 1
            if not self._waiting[mine]:
                del self._waiting[mine]
                mine.cancel()

    async def _after(self, previous: asyncio.Task[None] | None) -> None:
        try:
            if previous is not None:
                await asyncio.wait({previous})
            self._running, self._next = self._next, None
            await self._register()
        finally:
            if self._next is asyncio.current_task():
                self._next = None

    async def _register(self) -> None:
        launcher = await self._launchers.fresh()
        if launcher.forks and launcher is self._registered:
            return
        worker = await self._workers.open(launcher, None)
        try:
            self._store.replace_tasks(await worker.answer)
        except (Crash, LaunchError) as error:
            raise RegistrationError(_explain(error)) from error
        finally:
            self._workers.close(worker)
        self._registered = launcher


def _explain(error: Crash | LaunchError) -> str:
    if isinstance(error, LaunchError):
        return str(error)
    ending = f": {error}" if str(error) else ""
    return f"start command exited before registering tasks{ending}\nRun with --debug to see process output"


def declared_tasks(body: Any) -> list[Task]:  # noqa: ANN401 — any JSON a worker sent
    """Parse the body of a registration.

    Raises:
        ValueError: It has another form.
    """
    try:
        return [_task(declared) for declared in body["tasks"]]
    except (AttributeError, KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"tasks are not declared as expected: {error!r}") from error


def _task(declared: JSON) -> Task:
    options = declared.get("options") or {}
    retry, seconds = options.get("retry"), options.get("timeout_seconds")
    return Task(
        id=new_id("tsk"),
        name=str(declared["name"]),
        created_at=now(),
        retry=_retry(retry) if retry else None,
        timeout=timedelta(seconds=seconds) if seconds else None,
    )


def _retry(declared: JSON) -> Retry:
    return Retry(
        max_retries=int(declared.get("max_retries") or 0),
        wait=timedelta(milliseconds=declared.get("wait_duration_ms") or 0),
        factor=float(declared.get("factor") or DEFAULT_FACTOR),
    )
