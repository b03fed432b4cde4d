"""The cost of a second start of a run: what it processes again, and how long it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.compare.record.concluded import Amplification, Resume
from flows.compare.report.conclusions.numbers import spread

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flows.compare.record.concluded import Spread
    from flows.compare.record.observed import Cell

UNDISTURBED, INTERRUPTED, PARENT = "nothing_breaks", "kill_orchestrator_then_run_again", "parent_runs_again"


def resumes_of(cells: Iterable[Cell]) -> tuple[Resume, ...]:
    """One row per column where a run was interrupted and started again."""
    sound = [cell for cell in cells if cell.judgement.as_expected]
    return tuple(
        Resume(
            column=column,
            undisturbed=_seconds(_at(sound, UNDISTURBED, column), 0),
            interrupted=_seconds(interrupted, 0),
            resumed=_seconds(interrupted, 1),
            reprocessed=max(len(cell.judgement.reprocessed) for cell in interrupted),
            at_once=max(len(cell.judgement.overlaps) for cell in interrupted),
        )
        for column in dict.fromkeys(cell.column for cell in sound)
        if (interrupted := [cell for cell in _at(sound, INTERRUPTED, column) if len(cell.starts) > 1])
    )


def amplification_of(cells: Iterable[Cell]) -> tuple[Amplification, ...]:
    """One row per column where a run whose shard fails after all retries was started again."""
    return tuple(
        Amplification(
            column=cell.column,
            first_start_attempts=_attempts(cell, 1),
            second_start_attempts=_attempts(cell, 2),
            others_again=len(cell.judgement.reprocessed),
        )
        for cell in cells
        if cell.scenario == PARENT and cell.repeat == 1
    )


def _at(cells: list[Cell], scenario: str, column: str) -> list[Cell]:
    return [cell for cell in cells if cell.place == (scenario, column)]


def _seconds(cells: list[Cell], start: int) -> Spread | None:
    return spread((cell.starts[start].seconds for cell in cells), digits=2)


def _attempts(cell: Cell, invocation: int) -> int:
    return sum((each.step, each.invocation) == (cell.judgement.step, invocation) for each in cell.attempts)
