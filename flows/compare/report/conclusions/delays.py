"""Declared and observed waits, by column and retry, over all cells."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from flows.compare.cells import Cell
    from flows.compare.ledgers import Wait


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
        queued: How many were due while all places were taken by others.
        missed_by: By how much the longest that did not queue is beyond the tolerance, 0 where it is not; None where all
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
    missed_by: float | None

    @classmethod
    def of(cls, column: str, waits: list[Wait], workers: int) -> Self:
        """Those of waits before the same retry."""
        seen = [wait.observed_seconds for wait in waits]
        free = [wait.observed_seconds for wait in waits if wait.others_when_due < workers]
        first = waits[0]
        late = max(free) - first.declared_seconds - TOLERANCE if free else None
        return cls(
            column,
            first.retry,
            first.declared_seconds,
            len(seen),
            min(seen),
            round(median(seen), 3),
            max(seen),
            queued=len(seen) - len(free),
            missed_by=None if late is None else max(0.0, round(late, 3)),
        )

    def to_json(self) -> dict[str, Any]:
        """As compare.json has it."""
        return asdict(self)


def delays_of(cells: list[Cell], workers: int) -> list[Delays]:
    """All waits of some cells, by column and retry.

    Args:
        cells: Of a comparison.
        workers: Places, of which an attempt takes one.
    """
    found: dict[tuple[str, int], list[Wait]] = {}
    for cell in cells:
        for wait in cell.history.waits:
            found.setdefault((cell.column.name, wait.retry), []).append(wait)
    return [Delays.of(column, waits, workers) for (column, _), waits in sorted(found.items())]
