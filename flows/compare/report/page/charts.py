"""Charts as inline SVG that takes its colours and its font from the page; the chart of declared and observed waits."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import altair as alt
import vl_convert
from markupsafe import Markup

from flows.compare.report.conclusions.delays import TOLERANCE

if TYPE_CHECKING:
    from collections.abc import Sequence

Json = dict[str, Any]

INK, MUTED, LINE = "currentColor", "var(--muted)", "var(--line)"
DONE, FAILED, PROMISED = "var(--done)", "var(--failed)", "var(--promised)"
ROW, FONT, AXIS, EDGE = 17, 11, 34, 2  # pixels
_NOISE = re.compile(
    r' (?:xmlns(?::xlink)?|aria-[a-z]+|role|pointer-events|class|version)="[^"]*"'
    r'|<path d="M0,0[^"]*0Z"/>|<path class="foreground"[^>]*display="none"/>'
)


def layer(charts: Sequence[alt.Chart], width: int, label_width: int, rows: int) -> alt.LayerChart:
    """Charts over one another, on rows of a fixed height.

    Args:
        charts: The lowest first.
        width: Of the whole, in pixels.
        label_width: What of it is to the left of the time axis.
        rows: How many.
    """
    drawn: alt.LayerChart = (
        alt.layer(*charts)
        .properties(
            width=width - label_width - EDGE,
            height=rows * ROW,
            padding={"left": label_width, "right": EDGE, "top": AXIS, "bottom": EDGE},
            autosize=alt.AutoSizeParams(type="none"),
        )
        .configure(font="inherit", background="transparent", aria=False)
        .configure_view(stroke=None)
        .configure_text(fontSize=FONT, color=INK)
    )
    return drawn


def on_row(rows: int) -> alt.Y:
    """The vertical place of a mark, by its number of row."""
    scale = alt.Scale(domain=list(range(rows)), padding=0)
    return alt.Y("row:O", axis=None, scale=scale)


def seconds(field: str, longest: float, title: str) -> alt.X:
    """The time axis, above the rows."""
    axis = alt.Axis(
        orient="top",
        title=title,
        titleAnchor="start",
        titleFontWeight="normal",
        titleFontSize=FONT,
        titleColor=MUTED,
        labelFontSize=FONT,
        labelColor=MUTED,
        labelFlush=True,
        labelOverlap=True,
        tickCount=6,
        ticks=False,
        domain=False,
        offset=4,
        gridColor=LINE,
    )
    return alt.X(f"{field}:Q", axis=axis, scale=alt.Scale(domain=[0, longest], nice=False))


def chart(rows: list[Json]) -> alt.Chart:
    """A chart of some rows, without a mark as yet."""
    return alt.Chart(alt.InlineData(values=rows))


def svg(drawn: alt.LayerChart, label: str) -> Markup:
    """A chart as an element of a page.

    Args:
        drawn: The chart.
        label: What it says, for who cannot see it.
    """
    text = vl_convert.vegalite_to_svg(drawn.to_dict(validate=False))
    return Markup('<svg role="img" aria-label="{}"').format(label) + Markup(_NOISE.sub("", text)[4:])  # noqa: S704 — Vega escapes what it draws


def delays_chart(delays: list[Json], width: int, label_width: int) -> Markup:
    """Each column's waits: what was declared, from the shortest to the longest that was observed, and their median."""
    rows, heads = _delay_rows(delays)
    count, longest = len(rows) + len(heads), max(max(d["longest"], d["declared"] + TOLERANCE) for d in delays) * 1.04
    y, x = on_row(count), seconds("declared", longest, "seconds waited")
    own = chart(rows)
    layers = [
        own.mark_bar(height=ROW - 5, color=PROMISED).encode(x=x, x2="promised:Q", y=y),
        own.mark_rule(color=DONE, strokeWidth=2).encode(x="shortest:Q", x2="longest:Q", y=y),
        own.mark_point(color=DONE, fill=DONE, size=36, opacity=1).encode(x="median:Q", y=y),
        own.mark_tick(color=INK, thickness=2, size=ROW - 3).encode(x="declared:Q", y=y),
        own.mark_text(align="left", color=MUTED).encode(x=alt.value(-label_width), y=y, text="label:N"),
        chart(heads).mark_text(align="left", fontWeight=600).encode(x=alt.value(-label_width), y=y, text="label:N"),
    ]
    told = "; ".join(f"{d['column']}, retry {d['retry']}: declared {d['declared']:g}, {_observed(d)}" for d in delays)
    return svg(layer(layers, width, label_width, count), f"Declared and observed waits in seconds. {told}")


def _delay_rows(delays: list[Json]) -> tuple[list[Json], list[Json]]:
    rows: list[Json] = []
    heads: list[Json] = []
    for delay in delays:
        if delay["column"] not in [head["label"] for head in heads]:
            heads.append({"row": len(rows) + len(heads), "label": delay["column"]})
        place = {"row": len(rows) + len(heads), "label": f"retry {delay['retry']}"}
        rows.append(delay | place | {"promised": delay["declared"] + TOLERANCE})
    return rows, heads


def _observed(delay: Json) -> str:
    return f"observed {delay['shortest']:g} to {delay['longest']:g}, median {delay['median']:g}"
