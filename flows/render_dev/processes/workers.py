"""Worker processes on the server's side: a socket, a pipe for output, and one answer."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import itertools
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from aiohttp import web

    from flows.render_dev.logs import Logs
    from flows.render_dev.models import TaskRun
    from flows.render_dev.processes.launcher import Child, Launcher

EXIT_TIMEOUT = 0.5  # seconds for a worker that has answered to flush its output and end, before it is killed
ANSWER_SECONDS = 0.1  # seconds: an answer may still be on its way when its sender has ended


class Crash(Exception):  # noqa: N818 — it is the worker's error, not ours
    """A worker ended without an answer; the text says how, `""` for exit status 0."""


class Lost(Exception):  # noqa: N818 — the same
    """A worker was stopped, which simulates the loss of its machine."""


class Output:
    """Reads a worker's stdout and stderr from one pipe, which keeps their order."""

    def __init__(self, path: Path, run_id: str, logs: Logs, on_output: Callable[[str], None]) -> None:
        os.mkfifo(path, 0o600)
        # opened for both, so that it neither blocks without a writer nor ends between two writers
        self._pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self._run_id, self._logs, self._on_output = run_id, logs, on_output
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        asyncio.get_running_loop().add_reader(self._pipe, self._read)

    def _read(self) -> bool:
        try:
            chunk = os.read(self._pipe, 65536)
        except BlockingIOError:
            return False
        if text := self._decoder.decode(chunk):
            self._logs.add(self._run_id, text)
            self._on_output(text)
        return True

    def drain(self) -> None:
        """Read what is available, with a limit, so that much output cannot block the server."""
        for _ in range(64):
            if not self._read():
                return

    def close(self) -> None:
        """Read the rest and stop."""
        self.drain()
        asyncio.get_running_loop().remove_reader(self._pipe)
        os.close(self._pipe)


@dataclass(eq=False)
class TaskWorker:
    """One process that registers tasks (`run` is None) or makes one attempt of a run.

    Attributes:
        stopped_is_lost: Whether it counts as lost when it is stopped (SIGSTOP).
        answer: Its first answer; Crash or LaunchError if it ended without one, Lost if it counts as lost.
    """

    socket: Path
    output: Output
    run: TaskRun | None
    child: Child
    launcher: Launcher
    stopped_is_lost: bool = False
    answer: asyncio.Future[Any] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def __post_init__(self) -> None:
        """Take the end of the process as the answer if the process gives none."""
        self.child.ended.add_done_callback(self._ended)
        if self.stopped_is_lost:
            self.child.stopped.add_done_callback(lambda _: self._give_up(Lost()))

    @property
    def lost(self) -> bool:
        """Whether it counts as lost with its machine, although it may continue later."""
        return self.stopped_is_lost and self.child.stopped.done()

    def accept(self, answer: object) -> None:
        """Take an answer; only the first one counts."""
        if not self.answer.done():
            self.output.drain()
            self.answer.set_result(answer)

    def _ended(self, ended: asyncio.Future[str]) -> None:
        if ended.cancelled():
            return
        if error := ended.exception():
            self._give_up(error)
        else:
            asyncio.get_running_loop().call_later(ANSWER_SECONDS, self._give_up, Crash(ended.result()))

    def _give_up(self, error: BaseException) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)

    def kill(self) -> None:
        """Kill it and all processes that it started, at once."""
        self.launcher.kill(self.child)


class Workers:
    """Opens and closes workers in the server's private folder."""

    def __init__(
        self, folder: Path, logs: Logs, on_output: Callable[[str], None], *, stopped_is_lost: bool = False
    ) -> None:
        self._folder, self._logs, self._on_output = folder, logs, on_output
        self._stopped_is_lost = stopped_is_lost
        self._names = itertools.count(1)
        self._by_socket: dict[str, TaskWorker] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._servers: dict[TaskWorker, asyncio.AbstractServer] = {}
        self.protocol: web.Server | None = None

    def at(self, socket: str) -> TaskWorker | None:
        """Return the worker of a socket."""
        return self._by_socket.get(socket)

    async def open(self, launcher: Launcher, run: TaskRun | None) -> TaskWorker:
        """Start a process for an attempt of a run, or to register; if the caller is cancelled, no process remains."""
        opening = asyncio.create_task(self._open(launcher, run))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(lambda opened: self.close(opened.result(), exit_timeout=0))
            raise

    async def _open(self, launcher: Launcher, run: TaskRun | None) -> TaskWorker:
        name = next(self._names)
        socket, log = self._folder / f"{name}.sock", self._folder / f"{name}.log"
        if self.protocol is None:
            raise RuntimeError("the workers' interface is not up")
        server = await asyncio.get_running_loop().create_unix_server(self.protocol, str(socket), backlog=128)
        output = Output(log, run.id if run else "", self._logs, self._on_output)
        child = launcher.start("run" if run else "register", socket, log)
        worker = TaskWorker(socket, output, run, child, launcher, self._stopped_is_lost)
        self._by_socket[str(socket)] = worker
        self._servers[worker] = server
        return worker

    def close(self, worker: TaskWorker, *, exit_timeout: float = EXIT_TIMEOUT) -> asyncio.Task[None]:
        """Give a worker time to end, then kill it and clean up; awaiting the result is optional.

        A lost worker is not ended, and no caller waits for it.
        """
        task = asyncio.create_task(self._close(worker, None if worker.lost else exit_timeout))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
        return asyncio.create_task(asyncio.sleep(0)) if worker.lost else task

    async def _close(self, worker: TaskWorker, exit_timeout: float | None) -> None:
        if exit_timeout == 0 or not (await asyncio.wait({worker.child.ended}, timeout=exit_timeout))[0]:
            worker.kill()
            await asyncio.wait({worker.child.ended})
        self._servers.pop(worker).close()
        worker.output.close()
        worker.answer.cancel()
        if not worker.child.ended.cancelled():
            worker.child.ended.exception()  # a failed launch is already the answer
        del self._by_socket[str(worker.socket)]
        for leftover in (worker.socket, worker.socket.with_suffix(".log")):
            with contextlib.suppress(FileNotFoundError):
                leftover.unlink()

    async def settle(self) -> None:
        """Wait until all closing workers are closed."""
        while self._closing:
            await asyncio.wait(self._closing)
