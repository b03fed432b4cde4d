"""Charts of the page: declared and observed waits, costs over utilisation; colours and font are the page's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from flows.compare.report.conclusions.delays import TOLERANCE
from shared.drawing import svg
from shared.drawing.rows import AXIS, EDGE, FONT, ROW, Look, axis

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flows.compare.record.concluded import Cost, Curve, Delays, Point

    Place = Callable[[float], float]

INK, MUTED, LINE = "currentColor", "var(--muted)", "var(--line)"
DONE, FAILED, PROMISED = "var(--done)", "var(--failed-bar)", "var(--promised)"
LOOK = Look(INK, MUTED, LINE, DONE, FAILED, "var(--on-done)")
PLOT, LEFT = 220, 44  # pixels: height of the cost chart, room for its dollars
DASHES = ("", "6 3", "2 3", "8 3 2 3", "1 2")  # of the lines of the cost chart


def drawn(width: float, height: float, label: str, parts: list[str]) -> Markup:
    """A chart as an element of a page."""
    return Markup(svg.picture(width, height, label, parts, font_size=FONT))  # noqa: S704 — svg escapes words and values


def delays_chart(delays: Sequence[Delays], width: int, label_width: int) -> Markup:
    """Each column's waits: what was declared, from the shortest to the longest that was observed, and their median."""
    heads = list(dict.fromkeys(delay.column for delay in delays))
    height = AXIS + (len(delays) + len(heads)) * ROW + EDGE
    longest = max(max(d.longest, d.declared + TOLERANCE) for d in delays) * 1.04
    parts = axis(width, label_width, height, longest, "seconds waited", LOOK)
    scale, y = (width - label_width - EDGE) / longest, float(AXIS)
    for head in heads:
        parts.append(svg.text(0, y + ROW - 5, head, fill=INK, font_weight="600"))
        y += ROW
        for delay in (each for each in delays if each.column == head):
            parts += _delay(delay, y, lambda seconds: label_width + seconds * scale)
            y += ROW
    said = "; ".join(f"{d.column}, retry {d.retry}: declared {d.declared:g}, {_observed(d)}" for d in delays)
    return drawn(width, height, f"Declared and observed waits in seconds. {said}", parts)


def _delay(delay: Delays, y: float, x: Callable[[float], float]) -> list[str]:
    middle, declared = y + ROW / 2, delay.declared
    kept = x(declared + TOLERANCE) - x(declared)
    return [
        svg.text(0, y + ROW - 5, f"retry {delay.retry}", fill=MUTED),
        svg.rect(x(declared), y + 2, kept, ROW - 5, fill=PROMISED),
        svg.line(x(delay.shortest), middle, x(delay.longest), middle, stroke=DONE, stroke_width=2),
        svg.element("circle", cx=x(delay.median), cy=middle, r=3.5, fill=DONE),
        svg.line(x(declared), y + 1, x(declared), y + ROW - 2, stroke=INK, stroke_width=2),
    ]


def _observed(delay: Delays) -> str:
    return f"observed {delay.shortest:g} to {delay.longest:g}, median {delay.median:g}"


def costs_chart(cost: Cost, width: int) -> Markup:
    """Dollars per million records over the share of time that machines paid by the month are busy."""
    curves = sorted(cost.curves, key=lambda curve: curve.when_busy)
    dearest = 2.5 * curves[-1].when_busy
    right, high = width - LEFT - 8, PLOT - 40

    def x(share: float) -> float:
        return LEFT + share * right

    def y(dollars: float) -> float:
        return 10 + high * (1 - min(dollars / dearest, 1.0))

    parts = [svg.text(x(0.5), PLOT - 2, "of the time busy", fill=MUTED, text_anchor="middle")]
    for share in (0, 0.5, 1):
        anchor = "end" if share == 1 else "middle"
        parts.append(svg.text(x(share), PLOT - 16, f"{share:.0%}", fill=MUTED, text_anchor=anchor))
    for tick in svg.ticks(dearest, 7):
        parts.append(svg.line(LEFT, y(tick), width - 8, y(tick), stroke=LINE))
        parts.append(svg.text(LEFT - 4, y(tick) + 4, f"{tick:.3g}", fill=MUTED, text_anchor="end"))
    below = float(PLOT)
    for curve, dash in zip(curves, DASHES * len(curves), strict=False):
        below = min(y(curve.when_busy) - 5, below - FONT - 2)  # the cheapest first, each name above the one before
        parts += _curve(curve, [each for each in curve.points if each.dollars.median <= dearest], dash, (x, y), below)
    said = "; ".join(f"{curve.column} {curve.when_busy:.4f} when always busy" for curve in curves)
    return drawn(width, PLOT, f"Dollars per million records over utilisation. {said}", parts)


def _curve(curve: Curve, shown: Sequence[Point], dash: str, at: tuple[Place, Place], name_at: float) -> list[str]:
    """A line with its name at its right end."""
    colour = DONE if curve.monthly else FAILED
    x, y = at
    points = [f"{x(each.utilisation):.1f},{y(each.dollars.median):.1f}" for each in shown]
    line: dict[str, str | float] = {"fill": "none", "stroke": colour, "stroke_width": 2, "stroke_dasharray": dash}
    return [
        svg.element("polyline", points=" ".join(points), **line),
        svg.text(x(1), name_at, curve.column, fill=INK, text_anchor="end"),
    ]
