"""The timeline of a scenario: the attempts on all columns on one time axis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flows import svg
from flows.compare.report.page.charts import AXIS, DONE, EDGE, FAILED, FONT, INK, LINE, MUTED, ROW, axis, drawn
from flows.compare.report.page.rows import Bar, Row, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from markupsafe import Markup

Json = dict[str, Any]

FILLS = {"done": DONE, "idle": "transparent", "failed": FAILED, "open": "transparent"}
STROKES = {"done": DONE, "idle": DONE, "failed": FAILED, "open": FAILED}
ON_BAR = "var(--on-done)"


def timeline(cells: list[Json], scenario: Json, width: int, label_width: int) -> Markup:
    """Some cells of a scenario under one another.

    Args:
        cells: One per column.
        scenario: As compare.json has it.
        width: Of the whole, in pixels.
        label_width: What of it the labels take.
    """
    rows = [row for cell in cells for row in [*rows_of(cell, scenario, title(cell)), Row("")]][:-1]
    longest = max((bar.end for row in rows for bar in row.bars), default=0) * 1.01 or 1.0
    plot = width - label_width - EDGE
    parts = axis(width, label_width, len(rows), longest, "seconds since the first claim")
    for number, row in enumerate(rows):
        parts += _row(row, AXIS + number * ROW, label_width, plot / longest, plot)
    said = "; ".join(f"{title(cell)}, {len(cell['ledger']['attempts'])} attempts" for cell in cells)
    return drawn(width, AXIS + len(rows) * ROW + EDGE, f"Timeline. {said}", parts)


def title(cell: Json) -> str:
    """The heading of a cell."""
    return f"{cell['column']}: {cell['verdict']}" + (", not as expected" if cell["mismatches"] else "")


def _row(row: Row, top: float, left: float, scale: float, plot: float) -> Iterator[str]:
    middle = top + ROW / 2
    if row.label:
        look = {"fill": INK, "font_weight": "600"} if row.head else {"fill": MUTED}
        yield svg.text(0, top + ROW - 5, row.label, **look)
    if row.since is not None:
        x = left + row.since * scale
        yield svg.line(x, top, x, top + ROW, stroke=LINE, stroke_width=2)
    if row.waited:
        begin, end = (left + moment * scale for moment in row.waited)
        yield svg.line(begin, middle, end, middle, stroke=MUTED, stroke_dasharray="3 3")
    for bar in row.bars:
        yield from _bar(bar, top, left, scale)
    if row.note:
        yield _note(row, top + ROW - 5, left, scale, plot)


def _bar(bar: Bar, top: float, left: float, scale: float) -> Iterator[str]:
    """At least two pixels, with its text where that fits."""
    x, width = left + bar.begin * scale, max(2.0, (bar.end - bar.begin) * scale)
    dash = {"stroke_dasharray": "2 2"} if bar.kind == "open" else {}
    yield svg.rect(x, top + 2, width, ROW - 5, fill=FILLS[bar.kind], stroke=STROKES[bar.kind], **dash)
    if bar.text and width > svg.width_of(bar.text, FONT) + 2:
        yield svg.text(x + width / 2, top + ROW - 5, bar.text, fill=ON_BAR, text_anchor="middle")


def _note(row: Row, y: float, left: float, scale: float, plot: float) -> str:
    """To the right of the bar, to its left, on it, or, fitting nowhere, at the edge."""
    (bar,) = row.bars
    begin, needed = (row.waited[0] if row.waited else bar.begin), svg.width_of(row.note, FONT) + 5
    if needed <= plot - bar.end * scale:
        return svg.text(left + bar.end * scale + 5, y, row.note, fill=INK)
    if needed <= begin * scale:
        return svg.text(left + begin * scale - 5, y, row.note, fill=INK, text_anchor="end")
    if needed <= (bar.end - bar.begin) * scale:
        colour = ON_BAR if bar.kind in {"done", "failed"} else INK
        return svg.text(left + bar.begin * scale + 5, y, row.note, fill=colour)
    return svg.text(left + plot, y, row.note, fill=INK, text_anchor="end")
