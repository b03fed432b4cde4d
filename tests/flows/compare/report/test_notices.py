"""How soon an engine knows of a death: from what was watched, with and without heartbeats."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.compare.record.concluded import Spread
from flows.compare.report.conclusions.all import conclude
from flows.compare.report.conclusions.notices import notices_of
from flows.compare.report.page.document import render_page
from flows.engine.service import Watched
from flows.engine.verdicts import Verdict
from flows.registry import PRICES
from tests.flows.compare.made import cell, column, comparison, start

if TYPE_CHECKING:
    from flows.compare.record.observed import Cell

DEPLOYED = "prefect-deployed"
COLUMNS = {DEPLOYED: column("prefect")}


def watched(scenario: str, verdict: Verdict, known: float | None, slot: float | None) -> Cell:
    """A cell of which the engine took so long to notice something."""
    began = start(4.0, watched=Watched(known, slot, 60.0), completed=verdict is Verdict.UNAFFECTED)
    return cell(scenario, DEPLOYED, verdict).model_copy(update={"starts": (began,)})


def test_repetitions_are_one_row_and_what_was_never_seen_is_none() -> None:
    """An engine that never notices has no number, and a run that nothing happened to has no row."""
    cells = [
        watched("killed", Verdict.FAILED, 0.4, 0.5),
        watched("killed", Verdict.FAILED, 0.6, 0.9),
        watched("lost", Verdict.STUCK, None, 300.26),
        watched("changed", Verdict.UNAFFECTED, 3.0, 3.0),
        cell("quiet", DEPLOYED),
    ]
    made = comparison(cells, COLUMNS)
    beating = made.scenarios["lost"].model_copy(update={"heartbeats": True})
    killed, lost = notices_of(made.model_copy(update={"scenarios": made.scenarios | {"lost": beating}}))
    assert (killed.known, killed.heartbeats) == (Spread(median=0.5, least=0.4, most=0.6, n=2), False)
    assert lost.slot_free
    assert (lost.known, lost.slot_free.median, lost.heartbeats) == (None, 300.3, True)


def test_the_page_shows_them() -> None:
    """A reader finds the seconds, and what was not seen is no empty place."""
    page = render_page(conclude(comparison([watched("lost", Verdict.STUCK, None, 300.26)], COLUMNS), PRICES))
    assert "How soon the engine knows" in page
    assert "300.3" in page
    assert "not while watched" in page
