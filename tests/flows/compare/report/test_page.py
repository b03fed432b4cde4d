"""The report page: whole, self-contained, linked, escaped, and readable in Chromium at every width."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from flows.compare.record.comparison import Comparison
from flows.compare.record.concluded import Conclusions
from flows.compare.report.conclusions.all import conclude
from flows.compare.report.page.document import SECTIONS, render_page
from flows.compare.report.page.text import anchor
from flows.compare.report.readme import MEASURED
from flows.registry import PRICES
from tests.deployments.browser import Browser, running_browser
from tests.flows.compare.made import judged, mismatch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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
PNG, EMPTY_PAGE = b"\x89PNG\r\n\x1a\n", 10_000  # bytes: a page of one colour compresses to less


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


@pytest.fixture(scope="module")
def browser(page: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium with the page open."""
    folder = tmp_path_factory.mktemp("chromium")
    (folder / "report.html").write_text(page, encoding="utf-8")
    with running_browser() as browser:
        browser.open((folder / "report.html").as_uri())
        browser.wait_for("The same faults on every engine", SECTIONS["limits"])
        yield browser


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
    """Questions and sentences stand before anything else, each cell behind them one click away."""
    concluded = _comparison().conclusions
    for asked in concluded.questions:
        assert parsed.text.index(asked.asks) < parsed.text.index(concluded.answer[0].text)
        cells = {anchor(*cell) for answer in asked.answers for cell in answer.cells}
        assert {f"#{each}" for each in cells} <= set(parsed.values("href"))
    for sentence in concluded.answer:
        assert parsed.text.index(sentence.text) < parsed.text.index("What became of each scenario on each column")
        assert {f"#{anchor(*cell)}" for cell in sentence.cells[:8]} <= set(parsed.values("href"))


def test_all_sections_and_cells_are_there(parsed: Parsed) -> None:
    """Each section has its heading, each cell its place and the command that runs it again."""
    made = _comparison()
    shown = {"cells", "scenarios", "hints", "limits"} | {key for key, value in made.conclusions if value}
    assert [SECTIONS[key] for key in SECTIONS.keys() & shown if SECTIONS[key] not in parsed.text] == []
    assert {"delays", "slots", "amplification", "resume", "cost"} <= shown
    cells = made.cells
    ids = set(parsed.values("id"))
    assert {anchor(cell.scenario, cell.column, cell.repeat) for cell in cells} <= ids
    assert [cell.command for cell in cells if cell.command not in parsed.text] == []


def test_charts_say_what_they_show(parsed: Parsed) -> None:
    """Each chart is an image with a description, once for wide and once for narrow windows."""
    assert parsed.tags["svg"] == 2 * (len(SCENARIOS) + 2)
    labels = parsed.values("aria-label")
    assert sum(label.startswith("Timeline. ") for label in labels) == 2 * len(SCENARIOS)
    assert sum(label.startswith("Declared and observed waits in seconds") for label in labels) == 2
    assert sum(label.startswith("Dollars per million records") for label in labels) == 2


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
    assert found.text.count(said) == 7  # answer, box, flag below the table, column's title, error, finding, log


def test_a_mismatch_is_at_the_top() -> None:
    """A cell that is not as expected comes before anything else, in words."""
    made = _comparison()
    first, *others = made.cells
    wrong = mismatch(first, "silently wrong, expected unaffected")
    text = Parsed(render_page(made.model_copy(update={"cells": (wrong, *others)}))).text
    assert text.index("silently wrong, expected unaffected") < text.index(SECTIONS["cells"])


def test_sections_without_content_are_left_out() -> None:
    """A comparison that bears on nothing gives a page without these sections."""
    bare = {"conclusions": Conclusions(), "hints": (), "limits": (), "changes": None}
    text = Parsed(render_page(_comparison().model_copy(update=bare))).text
    optional = SECTIONS.keys() - {"cells", "scenarios"}
    assert [SECTIONS[key] for key in optional if SECTIONS[key] in text] == []
    assert SECTIONS["cells"] in text


def test_other_commands_load_none_of_it() -> None:
    """The command line starts without the libraries that draw the page."""
    script = "import sys, flows.cli; print({'jinja2', 'markupsafe'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 840, 360])
def test_the_page_fits_the_window(browser: Browser, tmp_path: Path, width: int, scheme: str) -> None:
    """At no width is there anything to scroll to on the right, and there is a picture to see."""
    _show(browser, width, scheme=scheme)
    assert int(browser.evaluate("String(document.documentElement.scrollWidth)")) <= width
    browser.screenshot(tmp_path / "page.png")
    picture = (tmp_path / "page.png").read_bytes()
    assert picture.startswith(PNG)
    assert len(picture) > EMPTY_PAGE


def test_charts_take_the_colours_of_the_page(browser: Browser) -> None:
    """In the dark, words in charts are as light as other words, and bars are not those of the light page."""
    script = """JSON.stringify([document.body, ...document.querySelectorAll("svg text[fill=currentColor]")]
        .map(element => getComputedStyle(element)[element === document.body ? "color" : "fill"]))"""
    colours = {}
    for scheme in ("light", "dark"):
        _show(browser, 1280, scheme=scheme)
        (colours[scheme],) = set(json.loads(browser.evaluate(script)))
    assert colours["light"] != colours["dark"]


def test_print_shows_what_is_folded(browser: Browser) -> None:
    """On paper all details are open; on a screen those of cells that are as expected are not."""
    script = "String([...document.querySelectorAll('details dl')].filter(list => list.checkVisibility()).length)"
    _show(browser, 690, media="print")
    assert int(browser.evaluate(script)) == len(_comparison().cells)
    assert int(browser.evaluate("String(document.documentElement.scrollWidth)")) <= 690
    _show(browser, 690)
    assert int(browser.evaluate(script)) == 0


def _show(browser: Browser, width: int, *, scheme: str = "light", media: str = "") -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.call("Emulation.setEmulatedMedia", media=media, features=features)
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 500)
