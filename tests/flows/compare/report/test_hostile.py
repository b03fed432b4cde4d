"""Every output shows the texts of pipelines, engines, errors and foreign files, and executes none of them."""

from __future__ import annotations

import json
from io import StringIO
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import fromstring

import pytest
from markdown_it import MarkdownIt
from rich.console import Console

from flows.compare.judge.recorded import read_recorded
from flows.compare.record.concluded import Change
from flows.compare.record.observed import Published
from flows.compare.report.conclusions.all import conclude
from flows.compare.report.reports import write_reports
from flows.compare.report.terminal import print_changes, print_matrix, verdict_line
from flows.engine.observed_on import ObservedOn
from flows.engine.record import Record
from flows.local import run_job
from flows.on_prefect.ui.artifacts import shard_rows, told_of
from flows.registry import PRICES
from shared.drawing.quoting import block, cell, code, plain
from shared.run.errors import TransientError
from shared.run.loading import allow
from shared.run.new_job import make_job
from shared.run.policy import shard_policy
from shared.run.printable import printable
from shared.run.run import Run
from tests.flows.compare import made
from tests.flows.compare.attempts import START, attempt
from tests.flows.compare.report.test_page import Parsed

if TYPE_CHECKING:
    from pathlib import Path

    from flows.compare.record.comparison import Comparison

HARMLESS = "harmless"
MARKDOWN = MarkdownIt("gfm-like", {"linkify": False})
HOSTILE = {
    "a code fence": "```\n# title\n````\n</pre>",
    "code": "`a` ``b`` `",
    "cells and rows of a table": "a | b\n| --- | --- |\n| c |\n\n# title",
    "an image and a link": "![x](http://evil.example/x.png) [y](javascript:alert(1)) <http://evil.example>",
    "HTML": "<img src=x onerror=alert(1)><script>alert(1)</script><!-- & &lt;",
    "colours": "\x1b[31mred\x1b[0m \x9b31m",
    "a title and a link of a terminal": "\x1b]0;title\x07 \x1b]8;;http://evil.example\x1b\\x\x1b]8;;\x1b\\",
    "markup of the terminal": "[red]x[/] [/] [link=http://evil.example]x :bomb: \\",
    "what XML cannot have": "]]></failure>\x00\x0b\ufffe\udc80 &#0;",
    "emphasis and lists": "**a** _b_ ~~c~~\n- d\n1. e\n> f\n---\n",
}


def planted() -> Comparison:
    """A comparison that says something harmless wherever others than us may have written."""
    words, scenario = HARMLESS, f"{HARMLESS} scenario"
    column = made.column("prefect").model_copy(update={"title": words, "recorded_in": words})
    absent = made.column("prefect", absent=words)
    on = ObservedOn(words, words, START.isoformat(), words)
    columns = {words: column.model_copy(update={"observed_on": on}), f"{words} absent": absent}
    store = Published(
        finished=True, digest="v1:1000:ab", committed=10, first_difference=words, beside=(words,), problems=(words,)
    )
    evidence = {
        "starts": (made.start(4.0, completed=False, error=words),),
        "attempts": (*made.DID, attempt("shard-001", 1, 1, 2, outcome="failed", error=words)),
        "engine": (Record(words),),
        "observed_on": on,
        "store": store,
        "log": words,
        "command": words,
        "failure": words,
    }
    found = made.comparison([made.cell(scenario, words).model_copy(update=evidence)], columns)
    described = found.scenarios[scenario].model_copy(update={"title": words, "purpose": words})
    return found.model_copy(
        update={
            "pipeline": found.pipeline.model_copy(update={"name": words, "verifies": False}),
            "reference": found.reference.model_copy(update={"varying": (words,)}),
            "versions": {words: words},
            "machine": words,
            "scenarios": {scenario: described},
            "products": {"prefect": found.products["prefect"].model_copy(update={"title": words})},
        }
    )


def saying(words: str, folder: Path) -> Comparison:
    """The same with other words, as a file has it and ``--with`` reads it."""
    path = folder / "compare.json"
    path.write_text(json.dumps(_replaced(json.loads(planted().model_dump_json()), words)))
    read = conclude(read_recorded(path, "--with"), PRICES)
    change = Change(where=printable(words), message=printable(words), regression=True)
    return read.model_copy(update={"changes": (change,)})


def _replaced(content: Any, words: str) -> Any:
    match content:
        case str():
            return content.replace(HARMLESS, words)
        case list():
            return [_replaced(each, words) for each in content]
        case dict():
            return {_replaced(name, words): _replaced(each, words) for name, each in content.items()}
    return content


def written(words: str, folder: Path) -> dict[str, str]:
    """The files of its report, and what a terminal shows of it, by name."""
    folder.mkdir()
    of = saying(words, folder)
    assert write_reports(folder, of) == []
    shown = StringIO()
    console = Console(file=shown, width=500, color_system=None)
    print_matrix(console, of)
    print_changes(console, of)
    console.print(verdict_line(1, 1, of.cells[0]), soft_wrap=True, highlight=False, emoji=False)
    return {path.name: path.read_text() for path in folder.iterdir()} | {"terminal": shown.getvalue()}


def shape(markdown: str) -> list[str]:
    """What Markdown makes of a text, the words left out."""
    inner = [each for token in MARKDOWN.parse(markdown) for each in [token, *(token.children or ())]]
    words = {"text", "text_special", "softbreak"}
    return [f"{each.type} {each.tag}" for each in inner if each.type not in words]


@pytest.fixture(scope="module")
def harmless(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What is written where nobody wants anything."""
    return written(HARMLESS, tmp_path_factory.mktemp("harmless") / "report")


@pytest.mark.parametrize("words", HOSTILE.values(), ids=HOSTILE)
def test_no_output_obeys_what_it_shows(harmless: dict[str, str], words: str, tmp_path: Path) -> None:
    """Each has the form that it has with harmless words, and none has a code that a terminal obeys."""
    found = written(words, tmp_path / "report")
    for name, text in found.items():
        assert printable(text) == text, name
    assert shape(found["report.md"]) == shape(harmless["report.md"])
    elements = [[each.tag for each in fromstring(of["compare.junit.xml"]).iter()] for of in (found, harmless)]  # noqa: S314
    assert elements[0] == elements[1]
    assert _tags(found["report.html"]) == _tags(harmless["report.html"])
    first = printable(words).splitlines()[0]
    assert first in found["terminal"]
    assert found["terminal"].count(first) >= 5


def _tags(page: str) -> set[str]:
    return set(Parsed(page).tags)


@pytest.mark.parametrize("words", HOSTILE.values(), ids=HOSTILE)
def test_markdown_shows_it_as_text(words: str) -> None:
    """In a sentence, in a cell of a table, as code and as a block."""
    for show in (plain, cell, code):
        row = "| a | b |\n|---|---|\n| {} | 1 |"
        said = shape(row.format(show(words)))
        breaks = ["html_inline "] * show(words).count("<br>")
        assert said == shape(row.format(show(HARMLESS)).replace(HARMLESS, HARMLESS + "<br>" * len(breaks)))
    assert shape(block(words)) == ["fence code"]
    assert printable(words).splitlines()[0] in block(words)
    assert [each.content for each in MARKDOWN.parse(block(words))] == [printable(words) + "\n"]


SAYS = '''
"""A pipeline whose words are somebody else's."""

from os import environ

name, suffix = "says", ".txt"


def process_shard(context, shard_id, path):
    path.write_text("x")
    return {environ["WORDS"]: 1}


def aggregate(context, shards):
    return {environ["WORDS"]: environ["WORDS"]}
'''


def test_an_artifact_shows_it_as_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The summary of a run that finished, and of one that an error ended; the rows of its shards."""
    (tmp_path / "says.py").write_text(SAYS)
    monkeypatch.setenv("SHARDWISE_ISOLATION", "none")
    monkeypatch.setenv("SHARDWISE_PIPELINES", "")
    monkeypatch.setenv("SHARDWISE_PIPELINE_PATH", "")
    allow("says", tmp_path)
    shapes = []
    for words in (HARMLESS, *(each for each in HOSTILE.values() if "\x00" not in each)):
        monkeypatch.setenv("WORDS", words)
        job = make_job(pipeline="says", store_url=str(tmp_path / "store"), num_shards=1)
        run_job(job, 1, shard_policy())
        run = Run.of(job.opened(1))
        rows = shard_rows(run, [attempt("shard-000", 1, 0, 1, outcome="failed", error=words)])
        assert printable(str(rows[0]["last error"])) == rows[0]["last error"]
        missing = [row | {"state": "not committed"} for row in rows]
        texts = [told_of(run, None, "done", rows), told_of(run, TransientError(words), "failed", missing)]
        assert printable("".join(texts)) == "".join(texts)
        shapes.append([[each for each in shape(text) if each != "html_inline "] for text in texts])
    assert shapes == shapes[:1] * len(shapes)
