"""Reads the attempts of a finished run from the ledger: begin, end, clock, and who recorded the end."""

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
        at: The time on the wall clock.
        monotonic: The time on the host's monotonic clock, in seconds; None if unknown.
        host: The host whose clocks these are; empty if unknown.
    """

    at: datetime
    monotonic: float | None = None
    host: str = ""

    def until(self, later: Moment) -> float:
        """Return the seconds to a later moment, on the monotonic clock if both were read on one host."""
        if self.comparable(later) and self.monotonic is not None and later.monotonic is not None:
            return later.monotonic - self.monotonic
        return (later.at - self.at).total_seconds()

    def clock(self, other: Moment) -> str:
        """Return the clock for comparing moments: ``monotonic``, ``wall``, or ``different`` on two machines."""
        if self.comparable(other):
            return "monotonic"
        return "different" if "" not in {self.host, other.host} and self.host != other.host else "wall"

    def comparable(self, other: Moment) -> bool:
        """Whether both were read on the same monotonic clock."""
        return None not in {self.monotonic, other.monotonic} and self.host == other.host != ""


@dataclass(frozen=True)
class End:
    """How an attempt ended.

    Attributes:
        moment: When it ended.
        by: Who recorded it: ``attempt``, ``watcher``, ``engine``, or ``process`` if all processes that could run it had
            ended by then.
        outcome: The outcome in the ledger; empty if neither attempt nor watcher recorded it.
        error: The error of the attempt; empty without one.
    """

    moment: Moment
    by: str
    outcome: str = ""
    error: str = ""


@dataclass(frozen=True)
class Attempt:
    """One attempt at a step.

    Attributes:
        step: The step's name in the ledger.
        invocation: The invocation of the run, from 1.
        number: The number within its invocation, from 1.
        pid: The id of its process.
        begin: When it was claimed.
        end: How it ended; None if it is still running as far as known.
    """

    step: str
    invocation: int
    number: int
    pid: int
    begin: Moment
    end: End | None

    @classmethod
    def of(cls, entry: dict[str, Any]) -> Self:
        """Return the attempt of a ledger entry."""
        begin = Moment(datetime.fromisoformat(entry["claimed_at"]), entry.get("monotonic"), entry.get("host", ""))
        end = _end(entry["end"], begin.host) if entry["end"] else None
        return cls(entry["step"], entry["invocation"], entry["attempt"], entry["pid"], begin, end)

    @property
    def name(self) -> str:
        """The display name: ``shard-003 #2``, in later invocations ``shard-003 #1 of invocation 2``."""
        later = f" of invocation {self.invocation}" if self.invocation > 1 else ""
        return f"{self.step} #{self.number}{later}"

    @property
    def seconds(self) -> float | None:
        """The duration in seconds; None without an end."""
        return self.begin.until(self.end.moment) if self.end else None

    @property
    def died(self) -> bool:
        """Whether it could not record its own end."""
        return self.end is None or self.end.by != "attempt"

    @property
    def outcome(self) -> str:
        """The outcome in the ledger; empty without a recorded end."""
        return self.end.outcome if self.end else ""

    @property
    def error(self) -> str:
        """The error; empty without one."""
        return self.end.error if self.end else ""

    def overlaps(self, other: Self) -> bool:
        """Whether both ran at the same time; an attempt without an end counts as still running.

        If only an engine with its own clock recorded an end, that end counts as earlier than the engine's next start.
        """
        first, second = sorted((self, other), key=lambda attempt: attempt.begin.at)
        if first.end is None:
            return True
        if first.end.by == ENGINE and first.end.moment.clock(second.begin) == "different":
            return False
        return first.end.moment.at > second.begin.at


def read_attempts(store: Store, run_id: str) -> list[Attempt]:
    """Return all attempts of a run, oldest first."""
    return [Attempt.of(entry) for entry in read_entries(store, run_id)]


def overlapping(attempts: Iterable[Attempt]) -> Iterator[tuple[Attempt, Attempt]]:
    """Return pairs of attempts at one step that ran at the same time, also across invocations."""
    ordered = sorted(attempts, key=lambda attempt: (attempt.step, attempt.begin.at))
    for _, group in groupby(ordered, key=lambda attempt: attempt.step):
        yield from (pair for pair in combinations(group, 2) if pair[0].overlaps(pair[1]))


def _end(end: dict[str, Any], host: str) -> End:
    moment = Moment(datetime.fromisoformat(end["ended_at"]), end.get("monotonic"), end.get("host", host))
    return End(moment, end["ended_by"], end.get("outcome", ""), end.get("error", ""))
