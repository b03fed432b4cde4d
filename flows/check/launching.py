"""Starts processes of the job and exchanges messages with them."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from flows.check.process import DESCRIBE, HOST, OUTPUT, REQUEST
from flows.engine.target import Outcome
from shared.run.errors import TerminalError, TransientError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flows.engine.target import Fork, Host, Request

Json = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]
SCRIPT = "job.py"
# This project is imported first, wherever the job is; the script's folder has no other modules.
MAIN = f"""
import sys
from pathlib import Path
work = Path(__file__).resolve().parent
sys.path[:] = [{str(ROOT)!r}] + [entry for entry in sys.path if entry and Path(entry).resolve() != work]
from flows.check.process import main
main(work, __name__, *sys.argv[1:])
"""
DESCRIBE_SECONDS = 120.0  # for all imports of a job
STOP_SECONDS = 10.0
SHOWN_LINES = 12  # of a job's output in a message


@dataclass(frozen=True)
class Described:
    """What a job is.

    Attributes:
        engine: The name of its engine.
        title: The name of this kind of job.
        tasks: The names of the followed tasks.
        not_checked: What is not followed, one sentence each.
        retry_seconds: The longest total wait of the engine's own retries of one task.
    """

    engine: str
    title: str
    tasks: tuple[str, ...]
    not_checked: tuple[str, ...]
    retry_seconds: float


class ProcessStarter:
    """Starts processes of one job."""

    def __init__(self, request: Request) -> None:
        """Write the files that the job's processes read."""
        self._work = request.work
        (self._work / REQUEST).write_text(json.dumps(request.to_json()))
        (self._work / SCRIPT).write_text(MAIN)
        self.request = request

    @property
    def command(self) -> tuple[str, ...]:
        """Return the command of a process that calls ``Target.work``."""
        return (sys.executable, str(self._work / SCRIPT))

    def describe(self) -> Described:
        """Return the description of the job; a TerminalError if it cannot be run."""
        command = [*self.command, DESCRIBE]
        try:
            done = subprocess.run(
                command, cwd=self.request.folder, stdout=subprocess.PIPE, timeout=DESCRIBE_SECONDS, check=False
            )
            report = json.loads(done.stdout)
        except subprocess.TimeoutExpired as error:
            raise TerminalError(f"the target is still being imported after {DESCRIBE_SECONDS:g} s") from error
        except ValueError as error:
            raise TerminalError(f"the target's import ended the process{self.output()}") from error
        if "error" in report:
            raise TerminalError(report["error"])
        lists = {name: tuple(report[name]) for name in ("tasks", "not_checked")}
        return Described(**report | lists)

    @contextmanager
    def host(self, environment: Mapping[str, str]) -> Iterator[Host]:
        """Run a process that forks; its environment is this process's with the given variables."""
        process = subprocess.Popen(
            [*self.command, HOST],
            cwd=self.request.folder,
            env=dict(os.environ) | dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        host = _Host(process, self._work)
        try:
            host.wait_ready()
            yield host
        finally:
            host.close()

    def output(self) -> str:
        """Return the last lines that the job has printed, for a message."""
        with suppress(FileNotFoundError):
            lines = (self._work / OUTPUT).read_text(errors="replace").splitlines()[-SHOWN_LINES:]
            return "; its output ends with:\n" + "\n".join(lines) if lines else ""
        return ""


class _Host:
    """The other side of ``process._Host``."""

    def __init__(self, process: subprocess.Popen[bytes], work: Path) -> None:
        self._process, self.work = process, work
        self._numbers = count(1)
        self._pending = b""
        self._selector = selectors.DefaultSelector()
        self._selector.register(cast("IO[bytes]", process.stdout), selectors.EVENT_READ)
        self._ready = self.gone = False
        self._runs: dict[int, _Process] = {}

    def wait_ready(self) -> None:
        """Wait until it can fork; a TransientError if it ends first."""
        deadline = time.monotonic() + DESCRIBE_SECONDS
        while not self._ready:
            self.read(max(0.0, deadline - time.monotonic()))
            if self.gone or time.monotonic() >= deadline:
                raise TransientError("the process that imports the target's libraries ended, or was not ready in time")

    def start(self, order: Json) -> Fork:
        """Start a fork with an order."""
        number = next(self._numbers)
        run = self._runs[number] = _Process(self, number)
        self._send({"run": number, "order": order, "libraries": number == 1})
        return run

    def stop(self, number: int) -> None:
        """Kill the process of a run."""
        self._send({"stop": number})

    def read(self, seconds: float) -> None:
        """Read its reports within that time; return when one has arrived."""
        if not self._selector.select(seconds):
            return
        chunk = os.read(cast("IO[bytes]", self._process.stdout).fileno(), 65536)
        if not chunk:
            self.gone = True
            return
        *lines, self._pending = (self._pending + chunk).split(b"\n")
        for line in lines:
            match json.loads(line):
                case {"ended": number, "status": status}:
                    self._ended(self._runs.pop(number), status)
                case {"ready": _}:
                    self._ready = True

    def _ended(self, run: _Process, status: int) -> None:
        run.status = status
        if libraries := run.told().get("libraries"):  # libraries that only runs import, for later runs
            self._send({"import": libraries})

    def close(self) -> None:
        """End all runs, then the process."""
        with suppress(BrokenPipeError):
            cast("IO[bytes]", self._process.stdin).close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        cast("IO[bytes]", self._process.stdout).close()
        self._selector.close()

    def _send(self, order: Json) -> None:
        stdin = cast("IO[bytes]", self._process.stdin)
        with suppress(BrokenPipeError):
            stdin.write(json.dumps(order).encode() + b"\n")
            stdin.flush()


@dataclass
class _Process:
    """A fork of a host.

    Attributes:
        status: The exit status, or minus the signal that killed it; None while it is alive.
    """

    host: _Host
    number: int
    status: int | None = None

    def wait(self, seconds: float) -> Outcome | None:
        """How the run ended: with its process, or before it where the run said so."""
        deadline = time.monotonic() + seconds
        while self.status is None and not self.host.gone and not self.told().get("settled"):
            if (left := deadline - time.monotonic()) <= 0:
                return None
            self.host.read(min(left, 0.02))
        told = self.told()
        if "completed" in told:
            return Outcome(told["completed"], told["message"])
        if self.host.gone:
            raise TransientError("the process that forks the runs has ended")
        return Outcome(completed=False, message=_end(self.status or 0))

    def told(self) -> Json:
        """Return what the fork has reported about itself."""
        with suppress(FileNotFoundError):
            told: Json = json.loads((self.host.work / f"run-{self.number}.json").read_text())
            return told
        return {}

    def stop(self) -> None:
        """Kill the fork and all processes that it started."""
        if self.status is None:
            self.host.stop(self.number)
        deadline = time.monotonic() + STOP_SECONDS
        while self.status is None and not self.host.gone and (left := deadline - time.monotonic()) > 0:
            self.host.read(left)


def _end(status: int) -> str:
    if status < 0:
        return f"its process was killed by {signal.Signals(-status).name}"
    return f"its process ended with exit status {status}"
