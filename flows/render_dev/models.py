"""Tasks, runs and attempts in the server's memory; `views` converts them to JSON."""

from __future__ import annotations

import asyncio
import itertools
import json
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

_ALPHABET = "0123456789abcdefghijklmnopqrstuv"  # base32hex, whose text order is the order of numbers
_PROCESS = secrets.randbits(40)
_serial = itertools.count(secrets.randbits(22))


class Status(StrEnum):
    """The states of a run or an attempt; the last three are final for a run."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"


def new_id(prefix: str) -> str:
    """Return an id such as `trn-dc1lgshksduf3dl3rs40`, with 20 characters after the prefix; later ids sort later."""
    number = (int(time.time()) << 64) | (_PROCESS << 24) | (next(_serial) & 0xFFFFFF)
    return f"{prefix}-" + "".join(_ALPHABET[(number >> shift) & 31] for shift in range(95, -5, -5))


def now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Retry:
    """`max_retries` retries after the first attempt; the first wait grows by `factor` each time."""

    max_retries: int
    wait: timedelta
    factor: float

    def delay(self, failures: int) -> timedelta | None:
        """Return the wait after the n-th failed attempt (from 1), or None if no attempt is left."""
        return None if failures > self.max_retries else self.wait * self.factor ** (failures - 1)


NO_RETRY = Retry(0, timedelta(0), 1.0)
CLOUD_RETRY = Retry(3, timedelta(seconds=1), 2.0)  # the documented retries of a task that declares none


@dataclass(frozen=True)
class Task:
    """A registered task; `retry` and `timeout` are None if the task declares none."""

    id: str
    name: str
    created_at: datetime
    retry: Retry | None
    timeout: timedelta | None


@dataclass(frozen=True)
class Completed:
    """A worker's answer: the JSON of the result, None without a result."""

    output: bytes | None

    def results(self) -> list[Any] | None:
        """Decode the output; None unless it is an array of valid JSON, without NaN."""
        try:
            decoded = json.loads(self.output or b"null", parse_constant=_refuse)
        except (ValueError, RecursionError):
            return None
        return decoded if isinstance(decoded, list) else None


@dataclass(frozen=True)
class Failed:
    """Why an attempt ended without a result."""

    error: str


@dataclass
class TaskAttempt:
    """One attempt at a run, in its own process."""

    started_at: datetime
    status: Status = Status.RUNNING
    completed_at: datetime | None = None
    outcome: Completed | Failed | None = None

    def end(self, status: Status, outcome: Completed | Failed | None) -> None:
        """Record how it ended."""
        self.status, self.outcome, self.completed_at = status, outcome, now()


@dataclass(eq=False)
class TaskRun:
    """One run of a task: its attempts, and its place in the tree of runs.

    Attributes:
        input: The arguments as compact JSON.
        parent: The run that started this one; None for a root.
        started_at: When the first attempt began; None before that.
        open_subtasks: Direct subtasks that have not ended.
        ended: Set once the status is final.
    """

    task: Task
    input: bytes
    parent: TaskRun | None
    id: str = field(default_factory=lambda: new_id("trn"))
    status: Status = Status.PENDING
    started_at: datetime | None = None
    completed_at: datetime | None = None
    attempts: list[TaskAttempt] = field(default_factory=list)
    open_subtasks: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def root(self) -> TaskRun:
        """The root of its tree; a root returns itself."""
        return self if self.parent is None else self.parent.root

    def begin_attempt(self) -> None:
        """Start the next attempt."""
        self.status = Status.RUNNING
        self.attempts.append(TaskAttempt(now()))
        self.started_at = self.started_at or self.attempts[0].started_at

    def finish(self, status: Status) -> None:
        """Set a final status and notify everything that waits for it."""
        self.status, self.completed_at = status, now()
        self.ended.set()

    def arguments(self) -> Any:  # noqa: ANN401 — any JSON a client sent
        """Decode the arguments."""
        return json.loads(self.input)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
