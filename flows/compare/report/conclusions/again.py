"""What a second start of a run costs: what it does again, and how long it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flows.compare.cells import Cell

UNDISTURBED, INTERRUPTED, PARENT = "nothing_breaks", "kill_orchestrator_then_run_again", "parent_runs_again"


def resumes_of(cells: list[Cell]) -> list[dict[str, Any]]:
    """By column: seconds of an undisturbed run, of a run until its orchestrator was killed, and of its resumption."""
    undisturbed = {cell.column.name: cell.starts[0].seconds for cell in cells if cell.scenario.name == UNDISTURBED}
    return [
        {
            "column": cell.column.name,
            "undisturbed_seconds": undisturbed.get(cell.column.name),
            "interrupted_seconds": cell.starts[0].seconds,
            "resumed_seconds": cell.starts[1].seconds,
            "shards_left": sum(step.startswith("shard-") for step in cell.history.attempts.get(2, {})),
            "done_again": len(cell.history.reprocessed),
        }
        for cell in cells
        if cell.scenario.name == INTERRUPTED
    ]


def amplification_of(cells: list[Cell]) -> list[dict[str, Any]]:
    """By column: attempts at a shard that fails for good, in both starts, and committed shards that were done again."""
    return [
        {
            "column": cell.column.name,
            "first_start_attempts": cell.history.attempts[1].get(cell.scenario.step or "", 0),
            "second_start_attempts": cell.history.attempts.get(2, {}).get(cell.scenario.step or "", 0),
            "others_again": len(cell.history.reprocessed),
        }
        for cell in cells
        if cell.scenario.name == PARENT
    ]
