"""What a second start of a run costs: what it processes again, and how long it takes."""

from __future__ import annotations

from typing import Any

from flows.compare.report.conclusions.numbers import spread

Json = dict[str, Any]

UNDISTURBED, INTERRUPTED, PARENT = "nothing_breaks", "kill_orchestrator_then_run_again", "parent_runs_again"


def resumes_of(cells: list[Json]) -> list[Json]:
    """By column: seconds of an undisturbed run, of a run until its orchestrator was killed, and of its resumption."""
    return [
        {
            "column": column,
            "undisturbed": _seconds(_at(cells, UNDISTURBED, column), 0),
            "interrupted": _seconds(interrupted, 0),
            "resumed": _seconds(interrupted, 1),
            "reprocessed": max(len(cell["ledger"]["reprocessed"]) for cell in interrupted),
            "at_once": max(len(cell["ledger"]["overlaps"]) for cell in interrupted),
        }
        for column in dict.fromkeys(cell["column"] for cell in cells)
        if (interrupted := [cell for cell in _at(cells, INTERRUPTED, column) if len(cell["starts"]) > 1])
    ]


def amplification_of(cells: list[Json]) -> list[Json]:
    """By column: attempts at a shard that fails after all retries, in both starts, and shards processed again."""
    return [
        {
            "column": cell["column"],
            "first_start_attempts": _attempts(cell, 1),
            "second_start_attempts": _attempts(cell, 2),
            "others_again": len(cell["ledger"]["reprocessed"]),
        }
        for cell in cells
        if cell["scenario"] == PARENT and cell["repeat"] == 1
    ]


def _at(cells: list[Json], scenario: str, column: str) -> list[Json]:
    return [cell for cell in cells if (cell["scenario"], cell["column"]) == (scenario, column) and cell["as_expected"]]


def _seconds(cells: list[Json], start: int) -> Json | None:
    return spread((cell["starts"][start]["seconds"] for cell in cells), digits=2)


def _attempts(cell: Json, invocation: int) -> int:
    own = (cell["step"], invocation)
    return sum((entry["step"], entry["invocation"]) == own for entry in cell["ledger"]["attempts"])
