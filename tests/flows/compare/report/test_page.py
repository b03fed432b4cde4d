"""The report page: whole, self-contained, linked, escaped."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser

import pytest

from flows.compare.record.comparison import Comparison
from flows.compare.record.concluded import Conclusions
from flows.compare.report.conclusions.all import conclude
from flows.compare.report.page import text
from flows.compare.report.page.document import SECTIONS, render_page
from flows.compare.report.page.recovery import recovery_seconds
from flows.compare.report.page.text import anchor
from flows.compare.report.page.timelines import most_differing, timelines
from flows.compare.report.readme import MEASURED
from flows.engine.verdicts import Verdict
from flows.registry import PRICES
from shared.faults.plan import Fault
from tests.flows.compare.attempts import attempt
from tests.flows.compare.made import DID, cell, column, comparison, judged, mismatch, start, with_attempts

pytestmark = pytest.mark.servers

COLUMNS = {"prefect", "render"}
SCENARIOS = {  # a picture takes a third of a second, so not all
    "at_scale",
    "wait_beside_work",
    "kill_worker_once",
    "kill_orchestrator_then_run_again",
    "parent_runs_again",
}
VOID = {"br", "hr", "img", "input", "link", "meta"}
LOADING = {"src", "srcset", "href", "xlink:href", "poster", "data", "action", "background"}


class Parsed(HTMLParser):
    """A page's tags, ids, links and words; an error for a tag that is not closed where it should be."""

    def __init__(self, page: str) -> None:
        """Parse all of it."""
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.styles = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open an element."""
        self._seen(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element that closes itself."""
        self._seen(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        """Close the element that was opened last."""
        assert self.open.pop() == tag, self.getpos()

    def handle_data(self, data: str) -> None:
        """Keep words and styles apart."""
        if self.open[-1:] == ["style"]:
            self.styles += data
        else:
            self.text += data

    def values(self, *names: str) -> list[str]:
        """The values of all attributes with these names."""
        return [value for name, value in self.attributes if name in names]

    def _seen(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(name, value or "") for name, value in attrs]


def _comparison() -> Comparison:
    """Ten cells of the committed comparison."""
    whole = Comparison.model_validate_json(MEASURED.read_bytes())
    cells = (cell for cell in whole.cells if cell.column in COLUMNS and cell.scenario in SCENARIOS)
    kept = {
        "columns": {name: each for name, each in whole.columns.items() if name in COLUMNS},
        "scenarios": {name: each for name, each in whole.scenarios.items() if name in SCENARIOS},
        "cells": tuple(cells),
    }
    return conclude(whole.model_copy(update=kept), PRICES)


@pytest.fixture(scope="module")
def page() -> str:
    """The page of these cells."""
    return render_page(_comparison())


@pytest.fixture(scope="module")
def parsed(page: str) -> Parsed:
    """The same, taken apart."""
    return Parsed(page)


def test_the_page_is_well_formed(page: str, parsed: Parsed) -> None:
    """It declares itself as HTML, and all its elements are closed in the order they were opened."""
    assert page.lstrip().startswith("<!doctype html>")
    assert parsed.open == []


def test_nothing_is_loaded_from_elsewhere(parsed: Parsed) -> None:
    """All links stay on the page, and neither styles nor elements ask for a file."""
    assert [value for value in parsed.values(*LOADING) if not value.startswith("#")] == []
    assert "url(" not in parsed.styles + "".join(parsed.values("style", "fill", "stroke", "clip-path", "filter"))
    assert "@import" not in parsed.styles
    assert parsed.tags.keys().isdisjoint({"script", "link", "img", "iframe", "object", "embed"})


def test_links_lead_somewhere(parsed: Parsed) -> None:
    """No id is there twice, also in the charts, and each link has its target."""
    ids = parsed.values("id")
    assert [name for name, count in Counter(ids).items() if count > 1] == []
    assert {link.removeprefix("#") for link in parsed.values("href")} <= set(ids)


def test_the_answer_comes_first(parsed: Parsed) -> None:
    """Questions and sentences stand before the first section, each cell behind them one click away."""
    concluded = _comparison().conclusions
    for asked in concluded.questions:
        assert parsed.text.index(asked.asks) < parsed.text.index(concluded.answer[0].text)
        cells = {anchor(*cell) for answer in asked.answers for cell in answer.cells}
        assert {f"#{each}" for each in cells} <= set(parsed.values("href"))
    for sentence in concluded.answer:
        assert parsed.text.index(sentence.text) < parsed.text.index(SECTIONS["contrast"])
        assert {f"#{anchor(*cell)}" for cell in sentence.cells[:8]} <= set(parsed.values("href"))


def test_the_heat_map_has_a_letter_for_every_cell(page: str) -> None:
    """Each cell that ran has its letter, on a link to its evidence that says it in words."""
    heat = page[page.index('<table class="heat"') : page.index("</table>", page.index('<table class="heat"'))]
    made = _comparison()
    found = {(scenario, column): made.at(scenario, column) for scenario in made.scenarios for column in made.columns}
    for place, cells in found.items():
        if cells:
            assert f'<a href="#{anchor(*place)}" title="{text.in_words(cells)}">{text.letters(cells)}</a>' in heat
    assert heat.count("<td class=") == sum(map(bool, found.values()))


@pytest.mark.parametrize(
    ("name", "stand_in", "lines"),
    [
        ("engine", False, ["engine"]),
        ("engine", True, ["engine", "stand-in"]),
        ("engine-per-shard", False, ["engine", "per-shard"]),
        ("engine-deployed 2026-11-26", True, ["engine", "deployed", "2026-11-26"]),
    ],
)
def test_a_column_head_has_at_most_three_lines(name: str, stand_in: bool, lines: list[str]) -> None:  # noqa: FBT001
    """The engine, the kind of column, the day of the record or that it is a stand-in."""
    assert text.head(name, column("engine", stand_in=stand_in)) == lines


def test_all_sections_and_cells_are_there(parsed: Parsed) -> None:
    """Each section has its heading, each cell its place and the command that runs it again."""
    made = _comparison()
    shown = {"contrast", "recovery", "scenarios", "hints", "limits"} | {key for key, value in made.conclusions if value}
    assert [SECTIONS[key] for key in SECTIONS.keys() & shown if SECTIONS[key] not in parsed.text] == []
    assert {"delays", "slots", "amplification", "resume", "cost"} <= shown
    cells = made.cells
    ids = set(parsed.values("id"))
    assert {anchor(cell.scenario, cell.column, cell.repeat) for cell in cells} <= ids
    assert [cell.command for cell in cells if cell.command not in parsed.text] == []


def test_the_scenario_in_which_columns_differ_most_comes_second() -> None:
    """Of the whole record: side by side, each column with its verdict, before the other sections."""
    whole = Comparison.model_validate_json(MEASURED.read_bytes())
    name = most_differing(whole)
    verdicts = {each: {cell.judgement.verdict for cell in whole.at(each)} for each in whole.scenarios}
    assert len(verdicts[name]) == max(map(len, verdicts.values()))
    found = render_page(whole)
    panels = found[found.index('<div class="panels">') : found.index(f"<h2>{SECTIONS['recovery']}</h2>")]
    assert panels.count("<figcaption>") == len({cell.column for cell in whole.at(name)})


def test_a_stuck_run_is_an_open_bar_to_the_edge() -> None:
    """Its last attempt has no end, and the words beside it say how long the comparison waited."""
    stuck = cell("hangs", "prefect", Verdict.STUCK)
    waited = start(32.4, completed=False, answered=False, ended=False, status=None)
    seen = with_attempts(stuck, (*DID[:1], attempt("shard-000", 1, 1, None)), starts=(waited,))
    ((drawn,), _) = timelines([seen], comparison([seen]).scenarios["hangs"])
    assert "still running after 32 s" in drawn.rows
    (bar,) = re.findall(r'class="o" style="left:([\d.]+)%;width:([\d.]+)%"', drawn.rows)
    assert sum(map(float, bar)) == pytest.approx(100, abs=0.2)


def test_recovery_takes_from_the_claim_to_the_commit() -> None:
    """Of a step that failed once: both attempts and the wait; a run that failed has none."""
    tries = (attempt("shard-000", 1, 1, 2, outcome="failed"), attempt("shard-000", 2, 4, 5))
    recovered = with_attempts(cell("raises", "prefect", Verdict.ENGINE), tries)
    failed = with_attempts(cell("raises", "render", Verdict.FAILED), tries)
    made = comparison([recovered, failed])
    fault = Fault("exception", "shard-000")
    scenarios = {"raises": made.scenarios["raises"].model_copy(update={"plan": (fault,)})}
    found = recovery_seconds(made.model_copy(update={"scenarios": scenarios}))
    assert found == {"raises": {"prefect": pytest.approx(4.0)}}


def test_a_timeline_says_what_ended_an_attempt_and_what_was_waited(parsed: Parsed) -> None:
    """The killed attempt has its fault beside it, the next one its wait."""
    [cell] = _comparison().at("kill_worker_once", "render")
    [wait] = cell.judgement.waits
    assert "(kill)" in parsed.text
    assert f"waited {wait.observed_seconds:.3f} s" in parsed.text


def test_values_are_escaped() -> None:
    """What an engine said is text, whatever is in it."""
    said = "<script>alert('x')</script> & \"more\""
    made = _comparison()
    first, *others = made.cells
    start = first.starts[0].model_copy(update={"error": said})
    told = judged(first.model_copy(update={"starts": (start,), "log": said}), findings=(said,), mismatches=(said,))
    column = made.columns[first.column].model_copy(update={"title": said})
    answer = (made.conclusions.answer[0].model_copy(update={"text": said}), *made.conclusions.answer[1:])
    planted = {
        "cells": (told, *others),
        "columns": made.columns | {first.column: column},
        "conclusions": made.conclusions.model_copy(update={"answer": answer}),
    }
    found = Parsed(render_page(made.model_copy(update=planted)))
    assert found.tags["script"] == 0
    assert found.text.count(said) == 8  # answer, box, flag below the table, column's title twice, error, finding, log


def test_a_mismatch_is_at_the_top() -> None:
    """A cell that is not as expected comes before anything else, in words."""
    made = _comparison()
    first, *others = made.cells
    wrong = mismatch(first, "silently wrong, expected unaffected")
    text = Parsed(render_page(made.model_copy(update={"cells": (wrong, *others)}))).text
    assert text.index("silently wrong, expected unaffected") < text.index(SECTIONS["contrast"])


def test_sections_without_content_are_left_out() -> None:
    """A comparison that bears on nothing gives a page without these sections."""
    bare = {"conclusions": Conclusions(), "hints": (), "limits": (), "changes": None}
    text = Parsed(render_page(_comparison().model_copy(update=bare))).text
    optional = SECTIONS.keys() - {"contrast", "recovery", "provenance", "scenarios"}
    assert [SECTIONS[key] for key in optional if SECTIONS[key] in text] == []
    assert SECTIONS["scenarios"] in text


def test_other_commands_load_none_of_it() -> None:
    """The command line starts without the libraries that draw the page."""
    script = "import sys, flows.cli; print({'jinja2', 'markupsafe'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
