"""How soon work begins: from the start of the caller to the first claim, and per shard from due to claim."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from flows.compare.record.concluded import Scheduling
from flows.compare.report.conclusions.numbers import spread
from shared.run.step_names import STAGE

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from flows.compare.record.observed import Cell

SCENARIOS = ("nothing_breaks", "hundred_shards", "thousand_shards")


def scheduling_of(cells: Iterable[Cell], slotted: Container[str]) -> tuple[Scheduling, ...]:
    """One row per column and number of shards, in seconds over all repetitions.

    Args:
        cells: The cells of a comparison.
        slotted: The columns with slots; on others no shard waits for one, so none is due.
    """
    groups: dict[tuple[str, int], list[Cell]] = {}
    for cell in cells:
        if cell.scenario in SCENARIOS and cell.judgement.as_expected:
            groups.setdefault((cell.column, cell.shards), []).append(cell)
    return tuple(
        Scheduling(
            column=column,
            shards=shards,
            first_claim=spread(map(_first_claim, group)),
            due_to_claim=spread(delay for cell in group if cell.column in slotted for delay in _due_to_claim(cell)),
            whole=spread((cell.starts[0].seconds for cell in group), digits=2),
        )
        for (column, shards), group in sorted(groups.items())
    )


def _first_claim(cell: Cell) -> float:
    start = cell.starts[0]
    began = start.ended_at - timedelta(seconds=start.seconds)
    return (min(attempt.begin.at for attempt in cell.attempts) - began).total_seconds()


def _due_to_claim(cell: Cell) -> list[float]:
    """A shard is due when the staging has ended and a slot is free: when so many shards before it have ended."""
    ended = [(each.step, each.begin.at, each.end.moment.at) for each in cell.attempts if each.end]
    staged = [end for step, _, end in ended if step == STAGE]
    shards = [(begin, end) for step, begin, end in ended if step.startswith("shard-")]
    if not staged:
        return []
    claims, ends = sorted(begin for begin, _ in shards), sorted(end for _, end in shards)
    free = [staged[0]] * cell.workers + [max(staged[0], end) for end in ends]
    return [max(0.0, (claim - due).total_seconds()) for claim, due in zip(claims, free, strict=False)]
