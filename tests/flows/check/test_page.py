"""The page of a check, in Chromium: readable on a desktop, a phone, paper and in the dark, and escaped."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from flows.check.experiments import Kind
from flows.check.record import CheckRecord, DifferenceRecord, Finding, SourceRecord, TaskRecord, TrialRecord
from flows.check.report.files import write_reports
from flows.check.trials import Recovery, Verdict
from tests.deployments.browser import Browser, running_browser

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTRAST = """
(() => {
  const parse = text => { const [r, g, b, a] = text.match(/[\\d.]+/g).map(Number); return [r, g, b, a ?? 1]; };
  const linear = c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
  const ground = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
    if (c[3] > 0) return c; } return [255, 255, 255, 1]; };
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    if (!walk.currentNode.data.trim()) continue;
    const e = walk.currentNode.parentElement, a = light(parse(getComputedStyle(e).color)), b = light(ground(e));
    found.push([(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), walk.currentNode.data.trim().slice(0, 40)]);
  }
  return JSON.stringify(found.sort((one, two) => one[0] - two[0])[0]);
})()
"""
WIDE = 'db.execute("insert into orders values (?, ?)", [number, "<b>&amp;"])  # ' + "x" * 200


def trial(line: int, verdict: Verdict, finding: int = 0) -> TrialRecord:
    """A crash before a line."""
    differences = [DifferenceRecord(table="orders", kind="duplicate", count=1, text="<orders> has 1 & more")]
    return TrialRecord(
        kind=Kind.CRASH,
        task="load",
        run=1,
        runs=1,
        file="etl.py",
        line=line,
        visit=1,
        before_file="etl.py",
        before_line=line - 1,
        again="",
        position=line,
        verdict=verdict,
        happened=verdict is not Verdict.NOT_REACHED,
        recovery=Recovery.RETRY,
        differences=tuple(differences) if verdict is Verdict.UNSAFE else (),
        message="",
        seconds=1.0,
        finding=finding,
        allowed=False,
    )


RECORD = CheckRecord(
    target="etl.py:nightly",
    title="flow",
    served_by="Prefect",
    machine="Linux",
    at="2026-11-01T00:00:00+00:00",
    seconds=75,
    run_seconds=1,
    seed=0,
    watched=("orders.db",),
    varying=("orders: loaded_at",),
    notes=("load starts a process",),
    not_checked=("the task <made>",),
    planned=9,
    tasks=(
        TaskRecord(
            name="load",
            runs=1,
            lines=4,
            verdicts={Kind.CRASH: Verdict.UNSAFE, Kind.OVERLAP: Verdict.SAFE},
            see={Kind.OVERLAP: "report"},
            skipped={Kind.ERROR: 5},
        ),
    ),
    findings=(
        Finding(
            verdict=Verdict.UNSAFE,
            task="load",
            file="etl.py",
            line=3,
            before_line=2,
            kinds=(Kind.CRASH,),
            text="Killed before this line. <orders> has 1 duplicate row.",
            pattern="append",
            advice="Do <this>.",
            lines=(3,),
            allowed=False,
        ),
    ),
    trials=(
        trial(2, Verdict.SAFE),
        trial(3, Verdict.UNSAFE, 1),
        trial(4, Verdict.DOES_NOT_RECOVER),
        trial(5, Verdict.NOT_REACHED),
    ),
    sources=(SourceRecord(task="load", file="etl.py", first=1, lines=("def load():", WIDE, "a", "b", "c")),),
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for all looks at the page."""
    with running_browser() as started:
        yield started


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reports of a check that found one of everything."""
    folder = tmp_path_factory.mktemp("check")
    write_reports(RECORD, folder)
    return folder


@pytest.mark.parametrize(
    ("width", "media", "scheme"),
    [
        (1280, "screen", "light"),
        (390, "screen", "light"),
        (1280, "screen", "dark"),
        (390, "screen", "dark"),
        (700, "print", "light"),
    ],
)
def test_the_page_can_be_read_everywhere(browser: Browser, folder: Path, width: int, media: str, scheme: str) -> None:
    """Nothing is wider than the window, every text has a contrast of 4.5, every colour of a line has a letter."""
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.call("Emulation.setEmulatedMedia", media=media, features=features)
    browser.open((folder / "check.html").as_uri())
    browser.wait_for("Not safe to retry: 1 place is unsafe", "Do <this>.", WIDE[:40], "see report", "(5 error)")
    assert browser.evaluate("String(document.documentElement.scrollWidth <= innerWidth)") == "true"
    contrast, text = json.loads(browser.evaluate(CONTRAST))
    assert contrast >= 4.5, text
    letters = browser.evaluate("[...document.querySelectorAll('#task-1 .mark')].map(e => e.textContent.trim()).join()")
    assert letters == ",S,U,R,N"


def test_check_json_is_read_back_and_junit_is_escaped(folder: Path) -> None:
    """Both hold what the record does; a file of another version is refused."""
    text = (folder / "check.json").read_text()
    assert CheckRecord.model_validate_json(text) == RECORD
    with pytest.raises(ValueError, match="version"):
        CheckRecord.model_validate_json(text.replace('"version": 1', '"version": 2'))
    suites = ET.fromstring((folder / "check.junit.xml").read_text())  # noqa: S314 — ours
    [failure, _] = list(suites.iter("failure"))
    assert failure.get("message") == "unsafe: <orders> has 1 & more"
    assert [each.get("message") for each in suites.iter("skipped")] == [
        "the run did not come to this place again",
        "the task <made>",
    ]
