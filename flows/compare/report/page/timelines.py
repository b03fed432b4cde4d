"""The timeline of a scenario: the attempts on all columns on one time axis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import altair as alt

from flows.compare.report.page import charts
from flows.compare.report.page.charts import DONE, EDGE, FAILED, INK, LINE, MUTED, ROW
from flows.compare.report.page.lanes import Row, rows_of

if TYPE_CHECKING:
    from markupsafe import Markup

Json = dict[str, Any]

LETTER = 6.0  # pixels that a letter takes, on the average
FILLS = {"done": DONE, "idle": "transparent", "failed": FAILED, "open": "transparent"}
STROKES = {"done": DONE, "idle": DONE, "failed": FAILED, "open": FAILED}
DASHES = {"open": [2, 2]}
ON_BAR = "var(--on-done)"
Side = tuple[Literal["left", "right"], int, str]  # of a note: how it is aligned, its distance in pixels, its colour
SIDES: dict[str, Side] = {
    "right": ("left", 5, INK),
    "left": ("right", -5, INK),
    "on a bar": ("left", 5, ON_BAR),
    "in an empty bar": ("left", 5, INK),
}


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
    drawn = _layers(rows, longest, width - label_width - EDGE, label_width)
    told = "; ".join(f"{title(cell)}, {len(cell['ledger']['attempts'])} attempts" for cell in cells)
    return charts.svg(charts.layer(drawn, width, label_width, len(rows)), f"Timeline. {told}")


def title(cell: Json) -> str:
    """The heading of a cell."""
    return f"{cell['column']}: {cell['verdict']}" + (", not as expected" if cell["mismatches"] else "")


def _layers(rows: list[Row], longest: float, width: int, label_width: int) -> list[alt.Chart]:
    y = charts.on_row(len(rows))
    x = charts.seconds("begin", longest, "seconds since the first claim")
    scale = width / longest
    bars = charts.chart(_bars(rows, scale))
    at_left = alt.value(-label_width)
    return [
        charts.chart(_starts(rows)).mark_tick(color=LINE, thickness=2, size=ROW).encode(x="since:Q", y=y),
        charts.chart(_waits(rows)).mark_rule(color=MUTED, strokeDash=[3, 3]).encode(x="begin:Q", x2="end:Q", y=y),
        bars.mark_bar(height=ROW - 5, strokeWidth=1).encode(
            x=x,
            x2="end:Q",
            y=y,
            fill=alt.Fill("fill:N", scale=None),
            stroke=alt.Stroke("stroke:N", scale=None),
            strokeDash=alt.StrokeDash("dash:N", scale=None),
        ),
        bars.mark_text(color=ON_BAR, fontSize=10).encode(x="middle:Q", y=y, text="text:N"),
        *(
            charts.chart([note for note in _notes(rows, scale, width) if note["side"] == side])
            .mark_text(align=align, dx=dx, color=color)
            .encode(x="at:Q", y=y, text="note:N")
            for side, (align, dx, color) in SIDES.items()
        ),
        charts.chart(_labels(rows, head=False))
        .mark_text(align="left", color=MUTED)
        .encode(x=at_left, y=y, text="label:N"),
        charts.chart(_labels(rows, head=True))
        .mark_text(align="left", color=INK, fontWeight=600)
        .encode(x=at_left, y=y, text="label:N"),
    ]


def _labels(rows: list[Row], *, head: bool) -> list[Json]:
    return [{"row": n, "label": row.label} for n, row in enumerate(rows) if row.label and row.head is head]


def _starts(rows: list[Row]) -> list[Json]:
    return [{"row": n, "since": row.since} for n, row in enumerate(rows) if row.since is not None]


def _waits(rows: list[Row]) -> list[Json]:
    return [{"row": n, "begin": row.waited[0], "end": row.waited[1]} for n, row in enumerate(rows) if row.waited]


def _bars(rows: list[Row], scale: float) -> list[Json]:
    """Bars of at least two pixels, with a text where it fits."""
    return [
        {
            "row": number,
            "begin": round(bar.begin, 4),
            "end": round(max(bar.end, bar.begin + 2 / scale), 4),
            "middle": round((bar.begin + bar.end) / 2, 4),
            "fill": FILLS[bar.kind],
            "stroke": STROKES[bar.kind],
            "dash": DASHES.get(bar.kind, [1, 0]),
            "text": bar.text if (bar.end - bar.begin) * scale > LETTER * len(bar.text) + 2 else "",
        }
        for number, row in enumerate(rows)
        for bar in row.bars
    ]


def _notes(rows: list[Row], scale: float, width: int) -> list[Json]:
    return [{"row": n, "note": row.note, **_beside(row, scale, width)} for n, row in enumerate(rows) if row.note]


def _beside(row: Row, scale: float, width: int) -> Json:
    """Where a note stands: to the right of the bar, to its left, on it, or, fitting nowhere, at the edge."""
    (bar,) = row.bars
    begin = row.waited[0] if row.waited else bar.begin
    needed = LETTER * len(row.note) + 5
    if needed <= width - bar.end * scale:
        return {"at": bar.end, "side": "right"}
    if needed <= begin * scale:
        return {"at": begin, "side": "left"}
    if needed <= (bar.end - bar.begin) * scale:
        return {"at": bar.begin, "side": "on a bar" if bar.kind in {"done", "failed"} else "in an empty bar"}
    return {"at": width / scale, "side": "left"}
