"""Declared and observed waits, by column and retry, over all cells."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Self

from flows.compare.judge.timing import EARLY

Json = dict[str, Any]

TOLERANCE = 0.15  # seconds beyond the declared wait


@dataclass(frozen=True)
class Delays:
    """The waits before one retry on one column, in seconds.

    Attributes:
        column: Where.
        retry: Counts from 1.
        declared: What the policy promises.
        n: How many were observed.
        shortest: Of those.
        median: Of those.
        longest: Of those.
        queued: How many were due while all slots were taken by others.
        early_by: By how much the shortest is before the declared wait; 0 where it is not.
        late_by: By how much the longest that did not queue is beyond the tolerance, 0 where it is not; None where all
            queued, so that there is nothing to judge.
    """

    column: str
    retry: int
    declared: float
    n: int
    shortest: float
    median: float
    longest: float
    queued: int
    early_by: float
    late_by: float | None

    @classmethod
    def of(cls, column: str, waits: list[Json]) -> Self:
        """Those of waits before the same retry; each has ``queued`` besides what the ledger says."""
        seen = [wait["observed_seconds"] for wait in waits]
        free = [wait["observed_seconds"] for wait in waits if not wait["queued"]]
        declared = waits[0]["declared_seconds"]
        return cls(
            column,
            waits[0]["retry"],
            declared,
            len(seen),
            min(seen),
            round(median(seen), 3),
            max(seen),
            queued=len(seen) - len(free),
            early_by=_beyond(declared - EARLY - min(seen)),
            late_by=_beyond(max(free) - declared - TOLERANCE) if free else None,
        )

    def to_json(self) -> Json:
        """As compare.json has it."""
        return asdict(self)


def delays_of(cells: list[Json]) -> list[Json]:
    """All waits of some cells, by column, retry and what was declared."""
    found: dict[tuple[str, int, float], list[Json]] = {}
    for cell in cells:
        for wait in cell["ledger"]["waits"]:
            key = cell["column"], wait["retry"], wait["declared_seconds"]
            found.setdefault(key, []).append(wait | {"queued": wait["others_when_due"] >= cell["workers"]})
    return [Delays.of(column, waits).to_json() for (column, _, _), waits in sorted(found.items())]


def _beyond(seconds: float) -> float:
    return max(0.0, round(seconds, 3))
