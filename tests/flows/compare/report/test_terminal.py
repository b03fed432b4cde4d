"""What ``shardwise compare`` prints at its end."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

import flows.compare.report
from flows.compare.record.comparison import Comparison
from flows.compare.report.terminal import print_matrix
from flows.engine.verdicts import Verdict
from tests.flows.compare.made import cell, comparison

if TYPE_CHECKING:
    from flows.compare.record.observed import Cell

COMMITTED = Path(flows.compare.report.__path__[0]) / "compare.json"


def printed(of: Comparison, width: int = 100) -> list[str]:
    """The lines of its matrix."""
    text = StringIO()
    print_matrix(Console(file=text, width=width), of)
    return [line.rstrip() for line in text.getvalue().splitlines()]


@pytest.mark.parametrize("width", [60, 100])
def test_the_committed_comparison_fits(width: int) -> None:
    """Each observed column has its place beside each scenario, and no word is broken."""
    of = Comparison.model_validate_json(COMMITTED.read_bytes())
    lines = printed(of, width)
    table = lines[: len(lines) - 1 - lines[::-1].index("")]
    assert all(len(line) <= width for line in table)
    words = {word for line in table for word in line.split()}
    for name, about in of.columns.items():
        if not about.not_observed:
            assert set(name.replace("-", "- ").split()) <= words
    rows = [line.split()[0] for line in table if line and line.split()[0] in of.scenarios]
    assert set(rows) == set(of.scenarios)
    assert len(rows) % len(of.scenarios) == 0
    assert words - set(of.scenarios) <= {"scenario", "local", "prefect", "prefect-", "isolated", "processpool"} | {
        *("deployed", "shipped", "render", "render-", "official", "ok", "engine", "ours", "failed", "stuck"),
        *"12345",
    }


@pytest.mark.parametrize(
    ("cells", "legend"),
    [
        ([cell("a", "local")], "ok: unaffected; a number: attempts at the step that was broken"),
        ([cell("a", "local", attempts=None)], "ok: unaffected"),
        ([cell("a", "local", Verdict.STUCK, attempts=None)], ""),
        (
            [cell("a", "local", Verdict.WRONG, attempts=None, mismatches=("it is wrong",))],
            "WRONG: silently wrong; !: not as expected",
        ),
    ],
)
def test_the_legend_has_what_is_used(cells: list[Cell], legend: str) -> None:
    """A word or a mark that is not in the table is not explained, and none that explains itself."""
    assert printed(comparison(cells))[-1] == legend


def test_repetitions_that_differ_are_all_shown() -> None:
    """With the mark once."""
    cells = [cell("a", "local", attempts=2), cell("a", "local", Verdict.FAILED, attempts=4, mismatches=("worse",))]
    assert "a        ok 2 failed 4 !" in printed(comparison(cells))
