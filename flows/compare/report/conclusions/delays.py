"""Declared and observed waits, by column and retry, over all cells."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from flows.compare.record.concluded import Delays
from flows.compare.record.observed import EARLY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flows.compare.record.observed import Cell, Wait

TOLERANCE = 0.15  # seconds beyond the declared wait


def delays_of(cells: Iterable[Cell]) -> tuple[Delays, ...]:
    """All waits of some cells, by column, retry and what was declared."""
    found: dict[tuple[str, int, float], list[tuple[Wait, bool]]] = {}
    for cell in cells:
        for wait in cell.judgement.waits:
            queued = wait.others_when_due >= cell.workers
            found.setdefault((cell.column, wait.retry, wait.declared_seconds), []).append((wait, queued))
    return tuple(_delays(*key, waits) for key, waits in sorted(found.items()))


def _delays(column: str, retry: int, declared: float, waits: list[tuple[Wait, bool]]) -> Delays:
    """Those of waits before the same retry, each with whether it queued."""
    seen = [wait.observed_seconds for wait, _ in waits]
    free = [wait.observed_seconds for wait, queued in waits if not queued]
    return Delays(
        column=column,
        retry=retry,
        declared=declared,
        n=len(seen),
        shortest=min(seen),
        median=round(median(seen), 3),
        longest=max(seen),
        queued=len(seen) - len(free),
        early_by=_beyond(declared - EARLY - min(seen)),
        late_by=_beyond(max(free) - declared - TOLERANCE) if free else None,
    )


def _beyond(seconds: float) -> float:
    return max(0.0, round(seconds, 3))
