"""The server's side of a fork server: starts and kills workers, and learns how they ended."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flows.render_dev.processes.launch_spec import LaunchSpec

ROOT = str(Path(__file__).resolve().parents[3])
MAIN = "from flows.render_dev.processes.fork_server import main; sys.exit(main())"
BOOT = f"import sys; sys.path.insert(0, {ROOT!r}); {MAIN}"
SDK_VARIABLES = frozenset({"RENDER_SDK_MODE", "RENDER_SDK_SOCKET_PATH"})
LONGEST_REPORT = 64 * 1024 * 1024  # bytes of a line; the first one names every file that the app imported
CLOSE_SECONDS = 5.0  # seconds for the fork server to kill its workers and exit; far more than it needs

_numbers = itertools.count(1)


class LaunchError(Exception):
    """No process could be started; the message says why."""


@dataclass(eq=False)
class Child:
    """A process that was started.

    Attributes:
        ended: How it ended: `""` for exit status 0, else a text such as `exit status 3` or `signal: killed`, or a
            LaunchError.
        stopped: Done when the process was stopped (SIGSTOP).
    """

    number: int = field(default_factory=lambda: next(_numbers))
    pid: int | None = None
    ended: asyncio.Future[str] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    stopped: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


@dataclass(frozen=True)
class LauncherSettings:
    """The arguments of every fork server of a server.

    Attributes:
        command: The worker's command.
        folder: The server's private folder, which a fork server removes if the server is gone.
        env: The environment of workers, without the SDK's two variables.
        on_output: Receives what the app prints while it is imported.
    """

    command: Sequence[str]
    folder: Path
    env: Mapping[str, str]
    on_output: Callable[[str], None]


class Launcher:
    """A running fork server.

    Attributes:
        forks: Whether it forks; else it starts each worker as a plain process.
        alive: Whether it can start workers.
        reason: Why it does not fork; empty if that is expected.
        files: The stamps of the files that it imported; None if the import failed.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._stdin = cast("asyncio.StreamWriter", process.stdin)
        self._stdout = cast("asyncio.StreamReader", process.stdout)
        self._stderr = cast("asyncio.StreamReader", process.stderr)
        self._children: dict[int, Child] = {}
        self._readers: set[asyncio.Task[None]] = set()
        self.forks = False
        self.alive = True
        self.reason = ""
        self.files: dict[str, list[int]] | None = {}

    @classmethod
    async def open(cls, settings: LauncherSettings, spec: LaunchSpec | None) -> Launcher:
        """Start a fork server that has imported the spec's app; a plain one without a spec, or if forking fails."""
        if spec is None:
            return await cls._spawn(settings, None)
        forking = await cls._spawn(settings, spec)
        if forking.alive and forking.forks:
            return forking
        await forking.close()
        plain = await cls._spawn(settings, None)
        plain.reason, plain.files = forking.reason, forking.files
        return plain

    @classmethod
    async def _spawn(cls, settings: LauncherSettings, spec: LaunchSpec | None) -> Launcher:
        plan = {
            "command": list(settings.command),
            "folder": str(settings.folder),
            "spec": spec and spec.as_json(),
            "root": ROOT,
        }
        pipe = asyncio.subprocess.PIPE
        arguments = [sys.executable, "-P", "-c", BOOT, json.dumps(plan)]
        process = await asyncio.create_subprocess_exec(
            *arguments,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            env=dict(settings.env),
            start_new_session=True,
            limit=LONGEST_REPORT,
        )
        launcher = cls(process)
        try:
            await launcher._first_report(spec is not None)
        except BaseException:
            process.kill()
            raise
        launcher._read(launcher._follow())
        launcher._read(launcher._relay(settings.on_output))
        return launcher

    async def _first_report(self, forks: bool) -> None:  # noqa: FBT001 — a private call with one meaning
        report = json.loads(await self._stdout.readline() or b"null")
        if report is None:
            self.alive, self.files, self.reason = False, None, "its import ended the process"
        else:
            self.forks = forks and report["ready"]
            self.files, self.reason = report["files"], report["reason"]

    def _read(self, reading: Any) -> None:  # noqa: ANN401 — a coroutine
        task = asyncio.create_task(reading)
        self._readers.add(task)
        task.add_done_callback(self._readers.discard)

    def start(self, mode: str, socket: Path, log: Path) -> Child:
        """Start a process; `ended` shows how it ends."""
        child = Child()
        self._children[child.number] = child
        if self.alive:
            self._order({"start": child.number, "mode": mode, "socket": str(socket), "log": str(log)})
        else:
            self._resolve(child.number, "signal: killed")
        return child

    def kill(self, child: Child) -> None:
        """Kill a process and all processes that it started; does nothing if it has ended."""
        if child.number in self._children:
            self._order({"kill": child.number})

    def retire(self) -> None:
        """Let the fork server end after its last worker."""
        self._order({"retire": True})

    def changed(self) -> bool:
        """Whether an imported file has changed; always true after a failed import."""
        return self.files is None or any(stamp_of(file) != stamp for file, stamp in self.files.items())

    async def close(self) -> None:
        """Kill all its workers and the fork server."""
        self._stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), CLOSE_SECONDS)
        except TimeoutError:
            self._process.kill()
        await asyncio.gather(*self._readers, return_exceptions=True)

    def _order(self, order: dict[str, object]) -> None:
        with contextlib.suppress(
            ConnectionError, RuntimeError
        ):  # the end of a fork server's output means that it is gone
            self._stdin.write(json.dumps(order).encode() + b"\n")

    async def _follow(self) -> None:
        """Read reports until the fork server ends; then kill its workers."""
        async for line in self._stdout:
            match json.loads(line):
                case {"started": number, "pid": pid}:
                    self._children[number].pid = pid
                case {"failed": number, "error": error}:
                    self._resolve(number, LaunchError(error))
                case {"stopped": number}:
                    self._stopped(self._children[number])
                case {"exited": number, "status": status}:
                    self._resolve(number, describe_end(status))
        self.alive = False
        for child in list(self._children.values()):
            if child.pid is not None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(child.pid, signal.SIGKILL)
            self._resolve(child.number, "signal: killed")

    async def _relay(self, on_output: Callable[[str], None]) -> None:
        while chunk := await self._stderr.read(65536):
            on_output(chunk.decode(errors="replace"))

    @staticmethod
    def _stopped(child: Child) -> None:
        if not child.stopped.done():
            child.stopped.set_result(None)

    def _resolve(self, number: int, end: str | LaunchError) -> None:
        ended = self._children.pop(number).ended
        if ended.done():
            return
        if isinstance(end, str):
            ended.set_result(end)
        else:
            ended.set_exception(end)


def describe_end(status: int) -> str:
    """Describe a wait status as `exit status 3` or `signal: killed`; empty for exit status 0."""
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        return f"signal: {(signal.strsignal(-code) or str(-code)).lower()}"
    return f"exit status {code}" if code else ""


def stamp_of(file: str) -> list[int] | None:
    """Return a file's stamp as the fork server does; None if it is missing."""
    try:
        facts = Path(file).stat()
    except OSError:
        return None
    return [facts.st_mtime_ns, facts.st_size]
