"""What a timeline shows: rows of attempts on one clock, read from the ledger of a cell."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flows.compare.observe.spans import PROCESS
from shared.run.ledger import AGGREGATE, STAGE, step_order

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]

DONE = {"new", "committed"}


@dataclass(frozen=True)
class Attempt:
    """One attempt, in seconds since the first claim of its cell.

    Attributes:
        step: ``stage`` or a shard's.
        start: Of the run, from 1.
        number: Within its start, from 1.
        begin: When it was claimed.
        end: When it ended; None where nobody knows.
        outcome: In the ledger's words; None where no end was recorded.
        planned: The kinds of the faults that could end it.
    """

    step: str
    start: int
    number: int
    begin: float
    end: float | None
    outcome: str | None
    planned: tuple[str, ...]

    @property
    def ended(self) -> str:
        """What is to be said of its end; empty where it just did its work."""
        if self.outcome in DONE:
            return ""
        cause = f" ({', '.join(self.planned).replace('_', ' ')})" if self.planned else ""
        unknown = "no end recorded" if self.end is None else "cut off, says the engine"
        return (self.outcome or unknown).replace("_", " ") + cause


@dataclass(frozen=True)
class Bar:
    """An attempt as it is drawn.

    Attributes:
        begin: Seconds.
        end: Seconds; the last that is known of its start, where no end is.
        kind: ``done``, ``idle`` (there was nothing left to do), ``failed``, or ``open`` without a known end.
        text: On the bar.
    """

    begin: float
    end: float
    kind: str
    text: str = ""


@dataclass(frozen=True)
class Row:
    """One line of a timeline.

    Attributes:
        label: To its left.
        head: Whether the label is a heading above the rows that follow.
        bars: Attempts that did not run at once.
        waited: Since when an attempt was waited for, and until when.
        note: Said beside the bars.
        since: When the start of the run began that the row belongs to; None in the first.
    """

    label: str
    head: bool = False
    bars: tuple[Bar, ...] = ()
    waited: tuple[float, float] | None = None
    note: str = ""
    since: float | None = None


def rows_of(cell: Json, scenario: Json, title: str) -> list[Row]:
    """The rows of a cell under a heading: each start's staging, its disturbed shards one by one, the others packed."""
    attempts = attempts_of(cell, scenario)
    starts = sorted({attempt.start for attempt in attempts})
    rows = [Row(title, head=True)]
    for start in starts:
        own = [attempt for attempt in attempts if attempt.start == start]
        since = own[0].begin if start > 1 else None
        if len(starts) > 1:
            rows.append(Row(f"start {start}", since=since))
        rows += _rows_of_start(own, since)
    return rows


def attempts_of(cell: Json, scenario: Json) -> list[Attempt]:
    """The attempts of a cell, in the order of their claims."""
    entries = cell["ledger"]["attempts"]
    if not entries:
        return []
    origin = min(_time(entry["claimed_at"]) for entry in entries)
    return [
        Attempt(
            entry["step"],
            entry["invocation"],
            entry["attempt"],
            (_time(entry["claimed_at"]) - origin).total_seconds(),
            (end - origin).total_seconds() if (end := _end(entry)) else None,
            entry["end"]["outcome"] if entry["end"] else None,
            _planned(entry, scenario),
        )
        for entry in sorted(entries, key=lambda entry: str(entry["claimed_at"]))
    ]


def _end(entry: Json) -> datetime | None:
    """When an attempt ended; None where nobody saw it end."""
    return _time(entry["ended_at"]) if entry["ended_at"] and entry["ended_by"] != PROCESS else None


def _planned(entry: Json, scenario: Json) -> tuple[str, ...]:
    """Faults are injected into the first start of a run only; one that is slow ends nothing."""
    return tuple(
        fault["kind"]
        for fault in scenario["plan"]
        if entry["invocation"] == 1
        and fault["kind"] != "slow"
        and entry["attempt"] in fault["attempts"]
        and entry["step"] == fault["step"]
    )


def _rows_of_start(attempts: list[Attempt], since: float | None) -> Iterator[Row]:
    last = max(max(attempt.begin, attempt.end or 0) for attempt in attempts)
    counts = Counter(attempt.step for attempt in attempts)
    disturbed = {a.step for a in attempts if a.ended or counts[a.step] > 1} | {STAGE, AGGREGATE}
    before: dict[str, Attempt] = {}
    for attempt in sorted(attempts, key=lambda a: (step_order(a.step), a.number)):
        if attempt.step in disturbed - {AGGREGATE}:
            yield _row(attempt, before.get(attempt.step), since, last, alone=counts[attempt.step] == 1)
            before[attempt.step] = attempt
    others = [attempt for attempt in attempts if attempt.step not in disturbed]
    for number, lane in enumerate(_packed(others)):
        bars = tuple(Bar(a.begin, a.end or last, "done", _shard(a.step)) for a in lane)
        label = "other shards" if disturbed - {STAGE, AGGREGATE} else "shards"
        yield Row(label if number == 0 else "", bars=bars, since=since)
    for attempt in (each for each in attempts if each.step == AGGREGATE):
        yield _row(attempt, before.get(AGGREGATE), since, last, alone=counts[AGGREGATE] == 1)
        before[AGGREGATE] = attempt


def _row(attempt: Attempt, before: Attempt | None, since: float | None, last: float, *, alone: bool) -> Row:
    """An attempt on a row of its own, with the wait for it and what became of it."""
    step = f"shard {_shard(attempt.step)}" if attempt.step.startswith("shard-") else attempt.step
    waited, notes = None, [attempt.ended] if attempt.ended else []
    if before and before.end and before.end <= attempt.begin:
        waited = (before.end, attempt.begin)
        notes.insert(0, f"waited {attempt.begin - before.end:.3f} s")
    elif before and before.end:
        notes.insert(0, f"at once with #{before.number}")
    bar = Bar(attempt.begin, last if attempt.end is None else attempt.end, _kind(attempt))
    label = step if alone else f"{step} #{attempt.number}"
    return Row(label, bars=(bar,), waited=waited, note=", ".join(notes), since=since)


def _kind(attempt: Attempt) -> str:
    if attempt.end is None:
        return "open"
    if attempt.outcome in DONE:
        return "done"
    return "idle" if attempt.outcome in {"reused", "already_committed"} else "failed"


def _packed(attempts: list[Attempt]) -> list[list[Attempt]]:
    """Attempts on as few lanes as hold them without running into one another."""
    lanes: list[list[Attempt]] = []
    for attempt in attempts:
        free = next((lane for lane in lanes if (lane[-1].end or attempt.begin) <= attempt.begin), None)
        if free is None:
            lanes.append([attempt])
        else:
            free.append(attempt)
    return lanes


def _shard(step: str) -> str:
    """The number of a shard's step; the name of another."""
    number = step.rpartition("-")[2]
    return str(int(number)) if number.isdigit() else step


_time = datetime.fromisoformat
