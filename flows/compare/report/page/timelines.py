"""The timeline of a scenario: the attempts on all columns on one time axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.compare.report.page.charts import LOOK, drawn
from shared.drawing.rows import draw, height_of
from shared.drawing.timeline import Row, rows_of

if TYPE_CHECKING:
    from markupsafe import Markup

    from flows.compare.record.comparison import Scenario
    from flows.compare.record.observed import Cell


def timeline(cells: list[Cell], scenario: Scenario, width: int, label_width: int) -> Markup:
    """Some cells of a scenario, one per column, under one another.

    Args:
        cells: From top to bottom.
        scenario: Theirs.
        width: Of the whole, in pixels.
        label_width: What of it the labels take.
    """
    rows: list[Row] = []
    for cell in cells:
        rows += [Row(title(cell), head=True), *rows_of(cell.attempts, scenario.plan), Row("")]
    rows = rows[:-1]
    said = "; ".join(f"{title(cell)}, {len(cell.attempts)} attempts" for cell in cells)
    return drawn(width, height_of(rows), f"Timeline. {said}", draw(rows, width, label_width, LOOK))


def title(cell: Cell) -> str:
    """The heading of a cell."""
    unexpected = "" if cell.judgement.as_expected else ", not as expected"
    return f"{cell.column}: {cell.judgement.verdict}{unexpected}"
