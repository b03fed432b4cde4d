"""Whether waiting for a retry holds a slot, derived from other shards that ran meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.compare.record.concluded import Slot

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flows.compare.record.observed import Cell

SCENARIO = "wait_beside_work"


def slots_of(cells: Iterable[Cell]) -> tuple[Slot, ...]:
    """One row per wait of ``wait_beside_work``: others want all slots meanwhile, so one they do not get is held."""
    return tuple(
        Slot(
            column=cell.column,
            step=wait.step,
            declared_seconds=wait.declared_seconds,
            waiting_seconds=wait.observed_seconds,
            others_at_once=wait.others,
            workers=cell.workers,
            held=wait.others < cell.workers,
            queued=wait.others_when_due >= cell.workers,
        )
        for cell in cells
        if cell.scenario == SCENARIO and cell.judgement.as_expected
        for wait in cell.judgement.waits
    )


def holds_slot(slots: Iterable[Slot], column: str) -> bool:
    """Whether waiting held a slot on a column in any repetition."""
    return any(slot.held for slot in slots if slot.column == column)
