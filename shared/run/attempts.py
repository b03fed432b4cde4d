"""Attempts as the ledger of a finished run has them: when each began and ended, by which clock, and who says so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import combinations, groupby
from typing import TYPE_CHECKING, Any, Self

from shared.run.ledger import read_attempts as read_entries

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shared.run.store import Store

ENGINE, PROCESS = "engine", "process"  # who knows of an end that neither the attempt nor a watcher recorded


@dataclass(frozen=True)
class Moment:
    """A point in time on one host.

    Attributes:
        at: By the wall clock.
        monotonic: By the host's monotonic clock, in seconds; None where nobody read it.
        host: Whose clocks; empty where it is not known.
    """

    at: datetime
    monotonic: float | None = None
    host: str = ""

    def until(self, later: Moment) -> float:
        """Seconds to a later moment, by the monotonic clock where both were read on one host."""
        if self.comparable(later) and self.monotonic is not None and later.monotonic is not None:
            return later.monotonic - self.monotonic
        return (later.at - self.at).total_seconds()

    def clock(self, other: Moment) -> str:
        """Which clock the time between two moments is of: ``monotonic``, ``wall``, or ``different`` on two machines."""
        if self.comparable(other):
            return "monotonic"
        return "different" if "" not in {self.host, other.host} and self.host != other.host else "wall"

    def comparable(self, other: Moment) -> bool:
        """Whether one monotonic clock gave both."""
        return None not in {self.monotonic, other.monotonic} and self.host == other.host != ""


@dataclass(frozen=True)
class End:
    """How an attempt ended.

    Attributes:
        moment: When.
        by: Who says so: ``attempt``, ``watcher``, ``engine``, or ``process`` where all that could run it had ended by
            then.
        outcome: In the ledger's words; empty where neither attempt nor watcher recorded it.
        error: What the attempt failed with; empty without an error.
    """

    moment: Moment
    by: str
    outcome: str = ""
    error: str = ""


@dataclass(frozen=True)
class Attempt:
    """One attempt at a step.

    Attributes:
        step: As the ledger names it.
        invocation: Of the run, from 1.
        number: Within its invocation, from 1.
        pid: Of its process.
        begin: When it was claimed.
        end: None while it is running as far as anybody knows.
    """

    step: str
    invocation: int
    number: int
    pid: int
    begin: Moment
    end: End | None

    @classmethod
    def of(cls, entry: dict[str, Any]) -> Self:
        """An entry of the ledger."""
        begin = Moment(datetime.fromisoformat(entry["claimed_at"]), entry.get("monotonic"), entry.get("host", ""))
        end = _end(entry["end"], begin.host) if entry["end"] else None
        return cls(entry["step"], entry["invocation"], entry["attempt"], entry["pid"], begin, end)

    @property
    def name(self) -> str:
        """In the first invocation ``shard-003 #2``; later ``shard-003 #1 of invocation 2``."""
        later = f" of invocation {self.invocation}" if self.invocation > 1 else ""
        return f"{self.step} #{self.number}{later}"

    @property
    def seconds(self) -> float | None:
        """How long it took; None without an end."""
        return self.begin.until(self.end.moment) if self.end else None

    @property
    def died(self) -> bool:
        """Whether it could not record its own end."""
        return self.end is None or self.end.by != "attempt"

    @property
    def outcome(self) -> str:
        """In the ledger's words; empty where no end was recorded."""
        return self.end.outcome if self.end else ""

    @property
    def error(self) -> str:
        """What it failed with; empty without an error."""
        return self.end.error if self.end else ""

    def overlaps(self, other: Self) -> bool:
        """Whether both ran at the same time; without an end an attempt is still running.

        An end that only an engine with a clock of its own knows of is before what that engine started next.
        """
        first, second = sorted((self, other), key=lambda attempt: attempt.begin.at)
        if first.end is None:
            return True
        if first.end.by == ENGINE and first.end.moment.clock(second.begin) == "different":
            return False
        return first.end.moment.at > second.begin.at


def read_attempts(store: Store, run_id: str) -> list[Attempt]:
    """All attempts of a run, oldest first."""
    return [Attempt.of(entry) for entry in read_entries(store, run_id)]


def overlapping(attempts: Iterable[Attempt]) -> Iterator[tuple[Attempt, Attempt]]:
    """Pairs of attempts at one step that ran at the same time, also across invocations."""
    ordered = sorted(attempts, key=lambda attempt: (attempt.step, attempt.begin.at))
    for _, group in groupby(ordered, key=lambda attempt: attempt.step):
        yield from (pair for pair in combinations(group, 2) if pair[0].overlaps(pair[1]))


def _end(end: dict[str, Any], host: str) -> End:
    moment = Moment(datetime.fromisoformat(end["ended_at"]), end.get("monotonic"), end.get("host", host))
    return End(moment, end["ended_by"], end.get("outcome", ""), end.get("error", ""))
