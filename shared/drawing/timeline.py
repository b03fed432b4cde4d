"""Builds the rows of a timeline: attempts on one clock, one row for each step that was disturbed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.run.attempts import PROCESS
from shared.run.step_names import AGGREGATE, STAGE, step_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shared.faults.plan import Fault
    from shared.run.attempts import Attempt

DONE, IDLE, FAILED, OPEN = "done", "idle", "failed", "open"
COMMITTED, FOUND = {"new", "committed", "done"}, {"reused", "already_committed"}  # outcomes in the ledger


@dataclass(frozen=True)
class Bar:
    """An attempt in the timeline.

    Attributes:
        begin: Seconds since the first claim.
        end: Seconds since the first claim; the last known time of its start if it has no end.
        kind: ``done``, ``idle`` (nothing was left to do), ``failed``, or ``open`` (no known end).
        title: The attempt, and how it ended.
        text: The text on the bar.
    """

    begin: float
    end: float
    kind: str
    title: str
    text: str = ""


@dataclass(frozen=True)
class Row:
    """One line of a timeline.

    Attributes:
        label: The text on the left.
        head: Whether the label is a heading for the rows below.
        bars: Attempts that do not overlap.
        waited: Start and end of the wait for each attempt.
        note: The text next to the bars.
        since: When this start of the run began; None for the first start.
        lanes: The number of rows that share the attempts of undisturbed steps; 0 for the row of one step.
    """

    label: str
    head: bool = False
    bars: tuple[Bar, ...] = ()
    waited: tuple[float, float] | None = None
    note: str = ""
    since: float | None = None
    lanes: int = 0


@dataclass(frozen=True)
class DrawnAtMost:
    """The maximum number of rows.

    Attributes:
        steps: Up to this many steps have a row each. With more steps, undisturbed ones share rows.
        disturbed: The maximum number of disturbed shards with their own row.
    """

    steps: int = 0
    disturbed: int = 1_000


def rows_of(attempts: Sequence[Attempt], plan: Iterable[Fault] = (), limits: DrawnAtMost | None = None) -> list[Row]:
    """Return the rows of a run: for each start the staging, disturbed shards, other shards and the aggregation.

    Args:
        attempts: The attempts of all starts of a run.
        plan: Faults that may have ended them.
        limits: The maximum number of rows.
    """
    if not attempts:
        return []
    drawn = _Drawn(min(attempt.begin.at for attempt in attempts).timestamp(), tuple(plan), limits or DrawnAtMost())
    starts = sorted({attempt.invocation for attempt in attempts})
    rows: list[Row] = []
    for start in starts:
        own = [attempt for attempt in attempts if attempt.invocation == start]
        since = drawn.begin(min(own, key=lambda each: each.begin.at)) if start > starts[0] else None
        if len(starts) > 1:
            rows.append(Row(f"start {start}", since=since))
        rows += drawn.start(own, since)
    return rows


@dataclass(frozen=True)
class _Drawn:
    """Draws the attempts of each start.

    Attributes:
        origin: The time that counts as 0, in seconds.
        plan: Faults that may have ended attempts.
        limits: The maximum number of rows.
    """

    origin: float
    plan: tuple[Fault, ...]
    limits: DrawnAtMost

    def begin(self, attempt: Attempt) -> float:
        """The begin in seconds since the origin."""
        return attempt.begin.at.timestamp() - self.origin

    def end(self, attempt: Attempt) -> float | None:
        """The end in seconds since the origin; None if it is unknown."""
        if attempt.end is None or attempt.end.by == PROCESS:
            return None
        return attempt.end.moment.at.timestamp() - self.origin

    def start(self, attempts: list[Attempt], since: float | None) -> Iterator[Row]:
        """The rows of one start."""
        last = max(max(self.begin(each), self.end(each) or 0) for each in attempts)
        counts = Counter(attempt.step for attempt in attempts)
        ended = {attempt.step for attempt in attempts if self._ended(attempt)}
        shards = sorted(counts.keys() - {STAGE, AGGREGATE}, key=step_order)
        disturbed = [step for step in shards if counts[step] > 1 or step in ended]
        shown = set(disturbed[: self.limits.disturbed]) | {STAGE, AGGREGATE}
        own = set(counts) if len(counts) <= self.limits.steps else shown
        ordered = sorted(attempts, key=lambda each: (step_order(each.step), each.number))
        yield from self._rows([each for each in ordered if each.step in own - {AGGREGATE}], counts, since, last)
        yield from self._lanes([each for each in attempts if each.step not in own], bool(disturbed), since, last)
        yield from self._rows([each for each in ordered if each.step == AGGREGATE], counts, since, last)

    def _rows(self, attempts: list[Attempt], counts: Counter[str], since: float | None, last: float) -> Iterator[Row]:
        """Return one row for each step, with waits and result."""
        before: dict[str, Attempt] = {}
        for attempt in attempts:
            waited, notes = self._wait(before.get(attempt.step), attempt)
            label = attempt.step if counts[attempt.step] == 1 else f"{attempt.step} #{attempt.number}"
            note = ", ".join(filter(None, [*notes, self._ended(attempt)]))
            yield Row(label, bars=(self._bar(attempt, last),), waited=waited, note=note, since=since)
            before[attempt.step] = attempt

    def _wait(self, before: Attempt | None, attempt: Attempt) -> tuple[tuple[float, float] | None, list[str]]:
        if before is None or (ended := self.end(before)) is None:
            return None, []
        begun = self.begin(attempt)
        if ended <= begun:
            return (ended, begun), [f"waited {begun - ended:.3f} s"]
        return None, [f"at once with #{before.number}"]

    def _lanes(self, attempts: list[Attempt], disturbed: bool, since: float | None, last: float) -> Iterator[Row]:  # noqa: FBT001
        """Distribute attempts over as few rows as possible without overlaps."""
        lanes: list[list[Attempt]] = []
        for attempt in sorted(attempts, key=self.begin):
            begun = self.begin(attempt)
            free = next((lane for lane in lanes if (self.end(lane[-1]) or begun) <= begun), None)
            if free is None:
                lanes.append(free := [])
            free.append(attempt)
        label = f"{len({each.step for each in attempts}):,} {'other ' if disturbed else ''}shards"
        for number, lane in enumerate(lanes):
            bars = tuple(self._bar(each, last, _number(each.step)) for each in lane)
            yield Row("" if number else label, bars=bars, since=since, lanes=len(lanes))

    def _bar(self, attempt: Attempt, last: float, text: str = "") -> Bar:
        begun, ended = self.begin(attempt), self.end(attempt)
        until = last if ended is None else ended
        said = self._ended(attempt) or attempt.outcome.replace("_", " ")
        return Bar(begun, until, _kind(attempt, ended), f"{attempt.name}: {said} after {until - begun:.3f} s", text)

    def _ended(self, attempt: Attempt) -> str:
        """Return how an attempt ended, in words; empty if it succeeded."""
        if attempt.outcome in COMMITTED:
            return ""
        causes = ", ".join(fault.kind for fault in self.plan if _hits(fault, attempt)).replace("_", " ")
        unknown = "no end recorded" if self.end(attempt) is None else "cut off, says the engine"
        return (attempt.outcome or unknown).replace("_", " ") + (f" ({causes})" if causes else "")


def _hits(fault: Fault, attempt: Attempt) -> bool:
    """Whether a fault ended an attempt. Faults are injected only into the first start; a slow fault ends nothing."""
    place = attempt.invocation == 1 and fault.step == attempt.step and attempt.number in fault.attempts
    return place and fault.kind != "slow"


def _kind(attempt: Attempt, ended: float | None) -> str:
    if ended is None:
        return OPEN
    if attempt.outcome in COMMITTED:
        return DONE
    return IDLE if attempt.outcome in FOUND else FAILED


def _number(step: str) -> str:
    """Return the number of a shard's step; for other steps the name."""
    number = step.rpartition("-")[2]
    return str(int(number)) if number.isdigit() else step
