"""What to break on purpose: in which shard, on which attempts. Part of the job, so it reaches every engine alike."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self

from shared.errors import TerminalError, TransientError

KINDS = {
    "exception": "raise an error worth retrying, before any work",
    "terminal": "raise an error that retrying cannot help, before any work",
    "kill": "kill -9 the own process, before any work",
    "torn_write": "kill -9 the own process after the profiles are written and before they get their name",
    "crash_after_commit": "kill -9 the own process after the commit and before the result is reported",
}


@dataclass(frozen=True)
class Fault:
    """One thing to break.

    Attributes:
        kind: One of ``KINDS``.
        shard: The shard it strikes.
        attempts: The attempts of the run's first invocation it strikes, counted from 1.
    """

    kind: str
    shard: int
    attempts: tuple[int, ...] = (1,)

    def to_json(self) -> dict[str, Any]:
        """All fields as one JSON object."""
        return asdict(self) | {"attempts": list(self.attempts)}

    @classmethod
    def from_json(cls, value: object) -> Self:
        """The fault that ``to_json`` gave, or a TerminalError naming what is wrong."""
        try:
            fault = cls(value["kind"], int(value["shard"]), tuple(map(int, value["attempts"])))  # type: ignore[index]
        except (KeyError, TypeError, ValueError) as error:
            raise TerminalError(f"a fault is {value!r:.80}; it needs kind, shard and attempts") from error
        if fault.kind not in tuple(KINDS):
            raise TerminalError(f"a fault's kind is {fault.kind!r}; known are {', '.join(KINDS)}")
        return fault


@dataclass(frozen=True)
class Striker:
    """The faults that are planned for one attempt at one shard; without any, every call does nothing."""

    kinds: frozenset[str]

    @classmethod
    def of(cls, faults: tuple[Fault, ...], *, shard: int, invocation: int, attempt: int) -> Self:
        """What is planned for this attempt."""
        planned = (f.kind for f in faults if f.shard == shard and attempt in f.attempts and invocation == 1)
        return cls(frozenset(planned))

    def before_work(self) -> None:
        """Strike before the attempt has read anything."""
        if "exception" in self.kinds:
            raise TransientError("planned fault: exception")
        if "terminal" in self.kinds:
            raise TerminalError("planned fault: terminal")
        self._kill("kill")

    def before_commit(self) -> None:
        """Strike between the write of the profiles and their rename."""
        self._kill("torn_write")

    def after_commit(self) -> None:
        """Strike when the shard is committed and nobody knows yet."""
        self._kill("crash_after_commit")

    def _kill(self, kind: str) -> None:
        if kind in self.kinds:
            import os
            import signal

            os.kill(os.getpid(), signal.SIGKILL)
