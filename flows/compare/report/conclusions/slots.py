"""Where waiting for a retry holds a place: seen from what ran beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flows.compare.cells import Cell

SCENARIO = "wait_beside_work"


def slots_of(cells: list[Cell]) -> list[dict[str, Any]]:
    """One row per wait of ``wait_beside_work``: others want all slots meanwhile, so one they do not get is held."""
    return [
        {
            "column": cell.column.name,
            "step": wait.step,
            "declared_seconds": wait.declared_seconds,
            "waiting_seconds": wait.observed_seconds,
            "others_at_once": wait.others,
            "workers": cell.scenario.workers,
            "held": wait.others < (cell.scenario.workers or 0),
            "queued": wait.others_when_due >= (cell.scenario.workers or 0),
        }
        for cell in cells
        if cell.scenario.name == SCENARIO
        for wait in cell.history.waits
    ]


def holds_place(slots: list[dict[str, Any]], column: str) -> bool:
    """Whether waiting held a place on a column in any repetition."""
    return any(slot["held"] for slot in slots if slot["column"] == column)
