"""The chart of costs over utilisation; colours and font are the page's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from shared.drawing import svg

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flows.compare.record.concluded import Cost, Curve, Point

    Place = Callable[[float], float]

INK, MUTED, LINE = "currentColor", "var(--muted)", "var(--line)"
MONTHLY, SECONDLY = "var(--done)", "var(--stopped)"
FONT = 11  # pixels
PLOT, LEFT = 220, 44  # pixels: height of the cost chart, room for its dollars
DASHES = ("", "6 3", "2 3", "8 3 2 3", "1 2")  # of the lines of the cost chart


def drawn(width: float, height: float, label: str, parts: list[str]) -> Markup:
    """A chart as an element of a page."""
    return Markup(svg.picture(width, height, label, parts, font_size=FONT))  # noqa: S704 — svg escapes words and values


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
    colour = MONTHLY if curve.monthly else SECONDLY
    x, y = at
    points = [f"{x(each.utilisation):.1f},{y(each.dollars.median):.1f}" for each in shown]
    line: dict[str, str | float] = {"fill": "none", "stroke": colour, "stroke_width": 2, "stroke_dasharray": dash}
    return [
        svg.element("polyline", points=" ".join(points), **line),
        svg.text(x(1), name_at, curve.column, fill=INK, text_anchor="end"),
    ]
