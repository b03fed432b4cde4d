"""How long each column needs to recover from each fault."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from flows.engine.verdicts import RECOVERED
from shared.drawing.timeline import COMMITTED, FOUND

if TYPE_CHECKING:
    from flows.compare.record.comparison import Comparison
    from flows.compare.record.observed import Cell


def recovery_seconds(comparison: Comparison) -> dict[str, dict[str, float]]:
    """Return the seconds from the claim of a faulted step to its commit, by scenario and column; medians.

    A run that was started again by hand, and one that did not recover, has none.
    """
    found: dict[str, dict[str, list[float]]] = {}
    for cell in comparison.cells:
        scenario = comparison.scenarios[cell.scenario]
        if cell.judgement.verdict in RECOVERED and not scenario.run_again:
            steps = {fault.step for fault in scenario.plan if fault.kind != "slow"}
            if seconds := [each for each in (_seconds(cell, step) for step in steps) if each is not None]:
                found.setdefault(cell.scenario, {}).setdefault(cell.column, []).append(max(seconds))
    return {name: {column: median(seen) for column, seen in columns.items()} for name, columns in found.items()}


def _seconds(cell: Cell, step: str) -> float | None:
    """From the first claim of a step to its first commit; None where its first attempt did not fail."""
    attempts = sorted((each for each in cell.attempts if each.step == step), key=lambda attempt: attempt.begin.at)
    done = [attempt for attempt in attempts if attempt.end and attempt.outcome in COMMITTED]
    if not done or attempts[0].outcome in COMMITTED | FOUND:
        return None
    first = attempts[0]
    end = min(attempt.end.moment.at for attempt in done if attempt.end)
    return max(0.0, (end - first.begin.at).total_seconds())
