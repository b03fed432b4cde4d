"""Declared and observed waits, by column and retry, over all cells."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flows.compare.cells import Cell


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
    """

    column: str
    retry: int
    declared: float
    n: int
    shortest: float
    median: float
    longest: float

    @property
    def missed_by(self) -> float:
        """By how much the longest wait is beyond the tolerance; 0 where it is not."""
        return max(0.0, round(self.longest - self.declared - TOLERANCE, 3))

    def to_json(self) -> dict[str, Any]:
        """As compare.json has it."""
        return asdict(self) | {"missed_by": self.missed_by}


def delays_of(cells: list[Cell]) -> list[Delays]:
    """All waits of some cells, by column and retry."""
    found: dict[tuple[str, int, float], list[float]] = {}
    for cell in cells:
        for wait in cell.history.waits:
            found.setdefault((cell.column.name, wait.retry, wait.declared_seconds), []).append(wait.observed_seconds)
    return [Delays(*key, len(seen), min(seen), median(seen), max(seen)) for key, seen in sorted(found.items())]
