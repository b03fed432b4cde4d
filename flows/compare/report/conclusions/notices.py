"""How soon an engine knows that a run has died or was canceled, and when the slot that it held is free again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.compare.record.concluded import Notice
from flows.compare.report.conclusions.numbers import spread

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flows.compare.record.comparison import Comparison
    from flows.compare.record.concluded import Spread
    from flows.compare.record.observed import Place, Start


def notices_of(comparison: Comparison) -> tuple[Notice, ...]:
    """One row per scenario and column where a run did not complete and somebody could see when the engine knew.

    Seconds count from the end of the run's processes, or from the request to cancel it.
    """
    seen: dict[Place, list[Start]] = {}
    for cell in comparison.cells:
        if cell.starts[0].watched and not cell.starts[0].completed:
            seen.setdefault(cell.place, []).append(cell.starts[0])
    return tuple(_notice(*place, starts, comparison) for place, starts in seen.items())


def _notice(scenario: str, column: str, starts: list[Start], comparison: Comparison) -> Notice:
    watched = [start.watched for start in starts if start.watched]
    return Notice(
        scenario=scenario,
        column=column,
        heartbeats=comparison.scenarios[scenario].heartbeats,
        known=_spread(each.known_seconds for each in watched),
        slot_free=_spread(each.slot_seconds for each in watched),
        watched_for=max(each.watched_seconds for each in watched),
    )


def _spread(seen: Iterable[float | None]) -> Spread | None:
    """Of what was seen; None where nothing was while it was watched."""
    return spread((each for each in seen if each is not None), digits=1)
