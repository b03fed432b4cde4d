"""Keeps one launcher ready; replaces it when its imported code has changed, or when it has died."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from flows.render_dev.processes.launch_spec import recognise
from flows.render_dev.processes.launcher import Launcher, LauncherSettings

if TYPE_CHECKING:
    from collections.abc import Callable


class LauncherPool:
    """The current launcher, and retired launchers with running workers."""

    def __init__(self, settings: LauncherSettings, say: Callable[[str], None]) -> None:
        self._settings, self._say = settings, say
        self._spec = recognise(settings.command, settings.env)
        self._lock = asyncio.Lock()
        self._current: Launcher | None = None
        self._retired: list[Launcher] = []

    async def current(self) -> Launcher:
        """Return a living launcher."""
        async with self._lock:
            if self._current is None or not self._current.alive:
                await self._replace()
            return self._require()

    async def fresh(self) -> Launcher:
        """Return a living launcher that has imported the current code."""
        launcher = await self.current()
        if not launcher.changed():
            return launcher
        async with self._lock:
            if self._require().changed():
                await self._replace()
            return self._require()

    async def close(self) -> None:
        """End all workers and all launchers."""
        every = [*self._retired, *([self._current] if self._current else [])]
        await asyncio.gather(*(launcher.close() for launcher in every))

    async def _replace(self) -> None:
        previous = self._current
        self._current = await Launcher.open(self._settings, self._spec)
        if previous is not None:
            previous.retire()
            self._retired = [launcher for launcher in (*self._retired, previous) if launcher.alive]
        if self._current.reason and self._current.reason != (previous and previous.reason):
            self._say(f"Every task starts in a plain process: {self._current.reason}")

    def _require(self) -> Launcher:
        if self._current is None:
            raise RuntimeError("no launcher has been opened")
        return self._current
