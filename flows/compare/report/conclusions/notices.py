"""How soon an engine notices that a run has died or was canceled, and when its slot is free again."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from flows.compare.record.concluded import Notice
from flows.compare.report.conclusions.numbers import spread

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flows.compare.record.comparison import Comparison
    from flows.compare.record.concluded import Spread
    from flows.compare.record.observed import Cell, Place


def notices_of(comparison: Comparison) -> tuple[Notice, ...]:
    """One row per scenario and column in which a run ended or restarted and the engine's record could be read.

    Seconds count from the end of the run's processes, or from the request to cancel it.
    """
    seen: dict[Place, list[Cell]] = {}
    for cell in comparison.cells:
        if cell.starts[0].watched and (not cell.starts[0].completed or _restarted(cell)):
            seen.setdefault(cell.place, []).append(cell)
    return tuple(_notice(*place, cells) for place, cells in seen.items())


def _notice(scenario: str, column: str, cells: list[Cell]) -> Notice:
    watched = [cell.starts[0].watched for cell in cells if cell.starts[0].watched]
    return Notice(
        scenario=scenario,
        column=column,
        again=_spread(map(_again, cells)),
        known=_spread(each.known_seconds for each in watched),
        slot_free=_spread(each.slot_seconds for each in watched),
        watched_for=max(each.watched_seconds for each in watched),
    )


def _restarted(cell: Cell) -> bool:
    """Whether the run was started again, but not by the comparison."""
    return max((each.invocation for each in cell.attempts), default=1) > len(cell.starts)


def _again(cell: Cell) -> float | None:
    """Seconds from the end of the first start's processes to the first attempt of the next one; None without one."""
    begun = [each.begin.at for each in cell.attempts if each.invocation == 2]  # noqa: PLR2004 — the next one
    start = cell.starts[0]
    if not begun or not start.watched or not _restarted(cell):
        return None
    ended = start.ended_at - timedelta(seconds=start.watched.watched_seconds)
    return (min(begun) - ended).total_seconds()


def _spread(seen: Iterable[float | None]) -> Spread | None:
    """Of what was seen; None where nothing was while it was watched."""
    return spread((each for each in seen if each is not None), digits=1)
