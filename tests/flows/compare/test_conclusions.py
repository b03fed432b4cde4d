"""What follows from the cells: lines of the verdict sheet, places held, lines of code, the README's tables."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from flows.compare.report.conclusions.sheet import sheet_of
from flows.compare.report.conclusions.shims import SHIMS, code_lines, shim_lines
from flows.compare.report.content import content_of
from flows.compare.report.readme import DOCUMENTS, MEASURED, written
from flows.compare.scenarios import SCENARIOS
from flows.compare.verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flows.compare.cells import Cell
    from flows.compare.context import ComparisonContext

MODULE = '''"""What it is for."""

# why
import os  # and this


def name() -> str:
    """Say it.

    In two parts.
    """
    text = """kept,
    as it is no docstring"""
    return text + os.name
'''


def test_code_is_counted_without_its_explanations() -> None:
    """Blank lines, comments and docstrings are not code; a string over two lines is."""
    assert code_lines(MODULE) == 5


def test_every_shim_has_lines() -> None:
    """Each file that is named exists and holds code."""
    assert [shim["engine"] for shim in shim_lines()] == list(SHIMS)
    assert all(file["lines"] > 0 for shim in shim_lines() for file in shim["files"])


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_the_documents_are_what_was_measured(document: Path) -> None:
    """They hold what the committed compare.json says; ``flows.compare.report.readme`` writes it."""
    text = document.read_text(encoding="utf-8")
    assert written(text, json.loads(MEASURED.read_text(encoding="utf-8"))) == text


def test_the_committed_comparison_is_whole_and_as_expected() -> None:
    """Every scenario on every column, none silently wrong, none a mismatch, over the committed sample."""
    measured = json.loads(MEASURED.read_text(encoding="utf-8"))
    assert list(measured["scenarios"]) == list(SCENARIOS)
    assert {(c["scenario"], c["column"]) for c in measured["cells"]} == {
        (scenario, column) for scenario in SCENARIOS for column in ("local", "prefect", "prefect-isolated", "render")
    }
    assert all(cell["as_expected"] and cell["verdict"] != Verdict.WRONG for cell in measured["cells"])
    assert measured["reference"]["digest"] == "v1:1000:9542463e4852e368284285db002acb07"


def test_a_line_of_the_sheet_needs_its_cells(cell_of: Callable[[str, str], Cell]) -> None:
    """What a line says is borne out by the cells that it cites, and without one of them it is not said."""
    cells = [cell_of("raise_terminal", column) for column in ("prefect", "render")]
    (line,) = sheet_of(cells, [], {})
    assert (line.choose, line.cells) == ("prefect", (("raise_terminal", "prefect"), ("raise_terminal", "render")))
    assert "costs 1 attempt on Prefect and 4 on Render" in line.because
    assert sheet_of(cells[:1], [], {}) == []
    assert sheet_of([], [], {}) == []


def test_what_waiting_holds(context: ComparisonContext, run: Callable[[str], Cell], engine: str) -> None:
    """A shard that waits keeps its place from others, except on Render, which lends it to them."""
    (slot,) = content_of(context, [run("wait_beside_work")])["slots"]
    assert (slot["column"], slot["held"]) == (engine, engine != "render")
