"""Starts a run in a process group of its own, interrupts it where a scenario says so, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flows.compare.scenario import Interruption
from shared.run.run import Run
from shared.run.store import open_store, read_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from shared.run.job import MergeJob

GLANCE = 0.02  # seconds between two looks
KEPT = 2_000  # characters of an error


@dataclass(frozen=True)
class Start:
    """How one start of a run ended, as its caller learned it.

    Attributes:
        completed: The engine returned a result.
        error: What it raised, or what became of its process when it said nothing.
        answered: Whether it returned or raised at all.
        ended: Whether the process ended before its deadline.
        status: Its exit status, negative for a signal; None past the deadline.
        interrupted: Whether the scenario's interruption found the run in its middle.
        seconds: From the start of the process to its end.
        ended_at: When all its processes had ended.
        answer: The result that the engine returned; None without one.
    """

    completed: bool
    error: str
    answered: bool
    ended: bool
    status: int | None
    interrupted: bool
    seconds: float
    ended_at: str
    answer: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """The evidence; the answer is compared with the result in the store."""
        return {key: value for key, value in asdict(self).items() if key != "answer"}


def start_run(  # noqa: PLR0913 — what to run, where, and how long
    job: MergeJob,
    engine: str,
    workers: int,
    environment: Mapping[str, str],
    folder: Path,
    *,
    deadline: float,
    interruption: Interruption | None,
) -> Start:
    """Run a job to its end, or to its deadline.

    Args:
        job: What to run.
        engine: One of ``ENGINES``.
        workers: Shards at a time.
        environment: Settings of the process.
        folder: For its answer and its log.
        deadline: Seconds from the start.
        interruption: What to do to it in the middle of the run.
    """
    answer = folder / "answer.json"
    answer.unlink(missing_ok=True)
    given = {"engine": engine, "job": job.to_json(), "workers": workers, "answer": str(answer)}
    started = time.monotonic()
    with _process(given, environment, folder) as process:
        interrupted = _wait(process, job, started + deadline, interruption)
        status = process.poll()
    given_back = json.loads(answer.read_text()) if answer.exists() else None
    said = given_back or {"completed": False, "error": _silence(status, deadline)}
    return Start(
        completed=said["completed"],
        error=said.get("error", "")[:KEPT],
        answered=given_back is not None,
        ended=status is not None,
        status=status,
        interrupted=interrupted,
        seconds=round(time.monotonic() - started, 3),
        ended_at=datetime.now(UTC).isoformat(timespec="microseconds"),
        answer=said.get("result"),
    )


def _silence(status: int | None, deadline: float) -> str:
    if status is None:
        return f"never ended: no answer after {deadline:g} s"
    how = f"was killed by signal {-status}" if status < 0 else f"left with exit status {status}"
    return f"its process {how} and said nothing"


@contextmanager
def _process(given: dict[str, Any], environment: Mapping[str, str], folder: Path) -> Iterator[subprocess.Popen[str]]:
    with (folder / "log").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "flows.compare.driver"],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=dict(environment),
            cwd=folder,
            text=True,
            start_new_session=True,
        )
    try:
        assert process.stdin is not None  # noqa: S101 — narrows the type for the checker
        with process.stdin:
            json.dump(given, process.stdin)
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait(process: subprocess.Popen[str], job: MergeJob, deadline: float, interruption: Interruption | None) -> bool:
    """Wait for the end of the process or the deadline; return whether it was interrupted."""
    run = Run(job, open_store(job.store_url))
    interrupted = False
    while process.poll() is None and time.monotonic() < deadline:
        if interruption and not interrupted and 0 < len(run.committed()) < job.num_shards:
            _interrupt(process, run, interruption)
            interrupted = True
        threading.Event().wait(GLANCE)
    return interrupted


def _interrupt(process: subprocess.Popen[str], run: Run, interruption: Interruption) -> None:
    with suppress(ProcessLookupError):
        if interruption is Interruption.CANCEL:
            process.send_signal(signal.SIGINT)
        else:  # whoever opened the run wrote down its process
            os.kill(read_json(run.store, run.name("invocations/1.json"))["pid"], signal.SIGKILL)
