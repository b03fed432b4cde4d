"""Starts a run in its own process group, interrupts it if a scenario says so, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flows.compare.record.observed import Start
from shared.run.ledger import attempts_folder
from shared.run.run import Run
from shared.run.store import open_store
from shared.run.urls import is_local

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from flows.engine.interruption import Interruption
    from flows.engine.service import Service, Watch
    from shared.run.job import Job

POLL_INTERVAL = 0.02  # seconds between two looks
STARTUP = 60.0  # seconds that a run may take until its first claim, before its deadline begins
LINGER = 10.0  # seconds that a process may take to end once it has answered
KEPT = 2_000  # characters of an error
DEADLY = {
    "kill",
    "kill_midway",
    "torn_write",
    "crash_after_commit",
    "exit_without_result",
}  # faults that end their process


@dataclass(frozen=True)
class Caller:
    """How the runs of a cell are started.

    Attributes:
        column: A name of ``COLUMNS``.
        workers: The number of parallel shards.
        environment: The environment of the process that starts a run.
        folder: The folder for its answer and its log.
        service: The service that serves, interrupts and watches it.
    """

    column: str
    workers: int
    environment: Mapping[str, str]
    folder: Path
    service: Service


class _Deadline:
    """When a start of a run counts as never ended, from its first claim, if finding that claim is cheap.

    When its caller has an answer, only the end of the process is left to wait for.
    """

    def __init__(self, run: Run, seconds: float, answer: Path, stopping: threading.Event) -> None:
        self._run, self._seconds, self._answer, self._stopping = run, seconds, answer, stopping
        self._answered = False
        self._begun = not is_local(run.job.store_url) or self._claims > 0  # a second start finds those of the first
        self._at = time.monotonic() + seconds + (0 if self._begun else STARTUP)

    @property
    def passed(self) -> bool:
        """Whether it is over, or the comparison is stopped; the first claim and an answer move it."""
        if not self._begun and self._claims:
            self._begun, self._at = True, min(self._at, time.monotonic() + self._seconds)
        if not self._answered and self._answer.exists():
            self._answered, self._at = True, min(self._at, time.monotonic() + LINGER)
        return time.monotonic() >= self._at or self._stopping.is_set()

    @property
    def _claims(self) -> int:
        return len(self._run.store.names(attempts_folder(self._run.job.run_id)))


def start_run(job: Job, caller: Caller, deadline: float, interruption: Interruption | None) -> Start:
    """Run a job until it ends or its deadline passes.

    Args:
        job: The job.
        caller: How to start it.
        deadline: Seconds from the first claim of an attempt, which a busy machine delays.
        interruption: What to do in the middle of the run.
    """
    answer = caller.folder / "answer.json"
    answer.unlink(missing_ok=True)
    given = {"column": caller.column, "job": job.to_json(), "workers": caller.workers, "answer": str(answer)}
    started = time.monotonic()
    with _process(given, caller) as process:
        run = Run(job, open_store(job.store_url))
        end = _Deadline(run, deadline, answer, caller.service.session.stopping)
        course = _wait(process, run, caller.service, end, interruption)
        status = process.poll()
    seconds, ended_at = round(time.monotonic() - started, 3), datetime.now(UTC)
    given_back = json.loads(answer.read_text()) if answer.exists() else None
    said = given_back or {"completed": False, "error": _silence(status, seconds)}
    return Start(
        completed=said["completed"],
        error=said.get("error", "")[:KEPT],
        answered=given_back is not None,
        ended=status is not None,
        status=status,
        interrupted=course.interrupted,
        seconds=seconds,
        ended_at=ended_at,
        answer=said.get("result"),
        watched=course.watch.finish(lambda: status is None or end.passed) if course.watch else None,
    )


def _silence(status: int | None, seconds: float) -> str:
    if status is None:
        return f"never ended: no answer after {seconds:.0f} s"
    how = f"was killed by signal {-status}" if status < 0 else f"left with exit status {status}"
    return f"its process {how} and said nothing"


@contextmanager
def _process(given: dict[str, Any], caller: Caller) -> Iterator[subprocess.Popen[str]]:
    with (caller.folder / "log").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "flows.compare.observe.driver"],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=dict(caller.environment),
            cwd=caller.folder,
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


@dataclass
class _Course:
    """What was done to a run, and what watches it since.

    Attributes:
        interrupted: Whether the interruption found the run in its middle.
        watch: Watches since the interruption, or since the death that a fault caused; None before that.
    """

    interrupted: bool = False
    watch: Watch | None = None


def _wait(
    process: subprocess.Popen[str], run: Run, service: Service, deadline: _Deadline, interruption: Interruption | None
) -> _Course:
    """Wait for the end of the process, the deadline, or the death of all that could finish the run."""
    course, left = _Course(), interruption
    while process.poll() is None and not deadline.passed and not service.abandoned(run):
        if course.watch is not None:
            course.watch.look()
        elif left and service.ready(left, run):
            course.watch = service.watch(run.job.run_id)
            course.interrupted, left = service.interrupt(left, run, process), None
        elif service.watches and _has_died(run):
            course.watch = service.watch(run.job.run_id)
        threading.Event().wait(POLL_INTERVAL)
    return course


def _has_died(run: Run) -> bool:
    """Whether a fault that ends a process has fired; the store is only read if the plan has one."""
    if not any(fault.kind in DEADLY for fault in run.job.faults):
        return False
    return any(name.split(".")[-2] in DEADLY for name in run.store.names(run.name("faults")))
