"""Attempts as intervals: when each began and ended, who says so, and which ran at the same time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import combinations, groupby
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flows.engine.record import Record

Entry = dict[str, Any]
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
class Span:
    """One attempt.

    Attributes:
        step: As the ledger names it.
        invocation: Of the run, from 1.
        attempt: Within its invocation, from 1.
        begin: When it was claimed.
        end: When it ended; None while it is running as far as anybody knows.
        ended_by: Who says so: ``attempt``, ``watcher``, ``engine``, or ``process`` where all that could run it had
            ended by then; empty without an end.
        outcome: In the ledger's words; empty where no end was recorded.
        error: What the attempt failed with; empty without an error.
    """

    step: str
    invocation: int
    attempt: int
    begin: Moment
    end: Moment | None
    ended_by: str
    outcome: str
    error: str

    @property
    def name(self) -> str:
        """In the first invocation ``shard-003 #2``; later ``shard-003 #1 of invocation 2``."""
        later = f" of invocation {self.invocation}" if self.invocation > 1 else ""
        return f"{self.step} #{self.attempt}{later}"

    @property
    def seconds(self) -> float | None:
        """How long it took; None without an end."""
        return self.begin.until(self.end) if self.end else None

    @property
    def died(self) -> bool:
        """Whether it could not record its own end."""
        return self.ended_by != "attempt"

    def overlaps(self, other: Self) -> bool:
        """Whether both ran at the same time; without an end an attempt is still running.

        An end that only an engine with a clock of its own knows of is before what that engine started next.
        """
        first, second = sorted((self, other), key=lambda span: span.begin.at)
        if first.end is None:
            return True
        if first.ended_by == ENGINE and first.end.clock(second.begin) == "different":
            return False
        return first.end.at > second.begin.at


def spans_of(
    entries: Iterable[Entry], records: list[Record], ended: dict[int, datetime], dead: dict[int, datetime] | None = None
) -> list[Span]:
    """The attempts of a run, oldest first.

    Args:
        entries: The ledger's.
        records: The engine's own, one per invocation, for ends that nobody else could record.
        ended: By invocation: when the last process that could run its attempts had ended.
        dead: By process that was killed from outside: when it was surely dead.
    """
    return [
        _span(entry, records, ended, dead or {})
        for entry in sorted(entries, key=lambda entry: str(entry["claimed_at"]))
    ]


def overlapping(spans: list[Span]) -> Iterator[tuple[Span, Span]]:
    """Pairs of attempts at one step that ran at the same time, also across invocations."""
    ordered = sorted(spans, key=lambda span: (span.step, span.begin.at))
    for _, group in groupby(ordered, key=lambda span: span.step):
        yield from (pair for pair in combinations(group, 2) if pair[0].overlaps(pair[1]))


def _span(entry: Entry, records: list[Record], ended: dict[int, datetime], dead: dict[int, datetime]) -> Span:
    end, said = entry["end"] or {}, _end(entry, records, ended, dead)
    return Span(
        entry["step"],
        entry["invocation"],
        entry["attempt"],
        Moment(_time(entry["claimed_at"]), entry.get("monotonic"), entry.get("host", "")),
        *said,
        outcome=end.get("outcome", ""),
        error=end.get("error", ""),
    )


def _end(
    entry: Entry, records: list[Record], ended: dict[int, datetime], dead: dict[int, datetime]
) -> tuple[Moment | None, str]:
    """When an attempt ended, and who says so; the engine is believed only where nobody else could see it."""
    if end := entry["end"]:
        host = end.get("host", entry.get("host", ""))
        return Moment(_time(end["ended_at"]), end.get("monotonic"), host), end["ended_by"]
    invocation, attempt = entry["invocation"], entry["attempt"]
    ends = records[invocation - 1].ends.get(entry["step"], []) if invocation <= len(records) else []
    if attempt <= len(ends) and (by_engine := ends[attempt - 1]):
        return Moment(by_engine, host=records[invocation - 1].host), ENGINE
    if known := ended.get(invocation) or (dead.get(entry["pid"]) if invocation == 1 else None):
        return Moment(known), PROCESS
    return None, ""


_time = datetime.fromisoformat
