"""How soon an engine knows of a death, and when it starts a run again: from what was watched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.compare.record.concluded import Spread
from flows.compare.report.conclusions.all import conclude
from flows.compare.report.conclusions.notices import notices_of
from flows.compare.report.page.document import render_page
from flows.engine.service import Watched
from flows.engine.verdicts import Verdict
from flows.registry import PRICES
from tests.flows.compare.attempts import at, attempt
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
    killed, lost = notices_of(comparison(cells, COLUMNS))
    assert killed.known == Spread(median=0.5, least=0.4, most=0.6, n=2)
    assert lost.slot_free
    assert (lost.known, lost.slot_free.median, lost.again) == (None, 300.3, None)


def test_a_run_that_began_again_by_itself_has_the_time_until_then() -> None:
    """It counts from the end of the first start's processes, also where the run completed then."""
    healed = watched("lost", Verdict.OURS, 0.5, 0.5)
    began = healed.starts[0].model_copy(update={"completed": True, "ended_at": at(60)})
    attempts = (attempt("stage", 1, -5, None), attempt("stage", 1, 40, 41, invocation=2))
    made = comparison([healed.model_copy(update={"starts": (began,), "attempts": attempts})], COLUMNS)
    (notice,) = notices_of(made)
    assert notice.again == Spread(median=40.0, least=40.0, most=40.0, n=1)


def test_the_page_shows_them() -> None:
    """A reader finds the seconds, and what was not seen is not an empty place."""
    page = render_page(conclude(comparison([watched("lost", Verdict.STUCK, None, 300.26)], COLUMNS), PRICES))
    assert "How soon the engine knows" in page
    assert "300.3" in page
    assert "not while watched" in page
