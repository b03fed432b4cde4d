"""How soon an engine knows of a death: from what was watched, with and without heartbeats."""

from __future__ import annotations

from typing import Any

from flows.compare.report.conclusions.notices import notices_of
from flows.compare.report.content import conclude
from flows.compare.report.markdown import report
from flows.compare.report.page.render import render_page
from flows.engine.verdicts import Verdict
from flows.registry import PRICES
from tests.flows.compare.cells import cell, column, comparison

Json = dict[str, Any]
DEPLOYED = "prefect-deployed"


def watched(scenario: str, verdict: Verdict, known: float | None, slot: float | None) -> Json:
    """A cell of which the engine took so long to notice something."""
    found = cell(scenario, DEPLOYED, verdict)
    seconds = {"known_seconds": known, "slot_seconds": slot, "watched_seconds": 60.0}
    completed = verdict is Verdict.UNAFFECTED
    return found | {"starts": [found["starts"][0] | {"watched": seconds, "completed": completed}]}


def test_repetitions_are_one_row_and_what_was_never_seen_is_none() -> None:
    """An engine that never notices has no number, and a run that nothing happened to has no row."""
    cells = [
        watched("killed", Verdict.FAILED, 0.4, 0.5),
        watched("killed", Verdict.FAILED, 0.6, 0.9),
        watched("lost", Verdict.STUCK, None, 300.26),
        watched("changed", Verdict.UNAFFECTED, 3.0, 3.0),
        cell("quiet", DEPLOYED),
    ]
    killed, lost = notices_of(cells, {"killed": {}, "lost": {"heartbeats": True}})
    assert (killed["known"], killed["heartbeats"]) == ({"median": 0.5, "least": 0.4, "most": 0.6, "n": 2}, False)
    assert (lost["known"], lost["slot_free"]["median"], lost["heartbeats"]) == (None, 300.3, True)


def test_both_reports_show_them() -> None:
    """A reader finds the seconds, and what was not seen is no empty place."""
    cells = [watched("lost", Verdict.STUCK, None, 300.26)]
    content = conclude(comparison(cells, {DEPLOYED: column("prefect")}), PRICES)
    assert "How soon the engine knows" in report(content)
    page = render_page(content)
    assert "300.3" in page
    assert "not while watched" in page
