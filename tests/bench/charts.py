"""The bench's pictures, drawn from its rows: time over shards and time over customers, for each engine and no-op."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.drawing.svg import element, line, picture, rect, text
from tests.bench.commands import SIZES
from tests.bench.shards import COUNTS, MANY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Measured = dict[str, Any]
Point = tuple[float, float]

WIDTH, HEIGHT = 760.0, 420.0
LEFT, RIGHT, TOP, BOTTOM = 64.0, 190.0, 44.0, 48.0  # margins; the right one has the names
SIZE, LINE_HEIGHT = 12, 15.0
GREY, BLACK = "#d0d0d0", "#222222"
# Okabe and Ito's colours, which colour-blind readers tell apart; a no-op has its engine's, dashed.
COLOURS = {"local": "#000000", "prefect": "#0072b2", "render": "#d55e00", "one DuckDB query": "#009e73"}
NAMES = ("local", "prefect", "render", "no-op on prefect", "no-op on render", "one DuckDB query")


@dataclass(frozen=True)
class Axis:
    """A logarithmic axis over whole powers of ten.

    Attributes:
        low: The exponent it begins with.
        high: The exponent it ends with.
        start: Where it begins, in pixels.
        end: Where it ends.
    """

    low: int
    high: int
    start: float
    end: float

    @classmethod
    def over(cls, values: Iterable[float], start: float, end: float) -> Axis:
        """The shortest that has all values."""
        exponents = [math.log10(value) for value in values]
        low = math.floor(min(exponents))
        return cls(low, max(math.ceil(max(exponents)), low + 1), start, end)

    def at(self, value: float) -> float:
        """Where a value is, in pixels."""
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    @property
    def ticks(self) -> list[float]:
        """Its powers of ten."""
        return [10.0**exponent for exponent in range(self.low, self.high + 1)]


def charts(measured: Measured) -> dict[str, str]:
    """All pictures as SVG, by file name; none for what was not measured."""
    found = {(each["part"], each["what"]): each["figures"]["wall_s"] for each in measured["rows"] if _timed(each)}
    over_shards = {name: list(_over_shards(found, name)) for name in NAMES}
    over_customers = {name: list(_over_customers(found, name)) for name in NAMES}
    drawn = {
        "shards.svg": _chart("Seconds over shards, 1,000 customers", "shards", over_shards),
        "customers.svg": _chart("Seconds over customers, 10 shards", "customers", over_customers),
    }
    return {name: svg for name, svg in drawn.items() if svg}


def _timed(row: Measured) -> bool:
    return "wall_s" in row["figures"]


def _over_shards(found: dict[tuple[str, str], float], name: str) -> Iterator[Point]:
    for shards in (*COUNTS, MANY):
        what = f"{shards:,} {name if name.startswith('no-op') else f'on {name}'}"
        if seconds := found.get(("shards", what)):
            yield shards, seconds


def _over_customers(found: dict[tuple[str, str], float], name: str) -> Iterator[Point]:
    column = {"one DuckDB query": "duckdb"}.get(name, f"{name}, 10 shards")
    if name.startswith("no-op on "):
        column = f"{name.removeprefix('no-op on ')}, no-op"
    for size, customers in SIZES.items():
        if seconds := found.get(("engines", f"{size} on {column}")):
            yield customers, seconds


def _chart(title: str, unit: str, lines: dict[str, list[Point]]) -> str:
    """Lines with their names at their right ends; nothing where no line has two points."""
    lines = {name: points for name, points in lines.items() if len(points) > 1}
    if not lines:
        return ""
    points = [point for line in lines.values() for point in line]
    across = Axis.over((x for x, _ in points), LEFT, WIDTH - RIGHT)
    up = Axis.over((y for _, y in points), HEIGHT - BOTTOM, TOP)
    parts = [rect(0, 0, WIDTH, HEIGHT, fill="white"), text(LEFT, 22, title, font_size=15, font_weight="bold")]
    parts += _grid(across, up, unit)
    for name, of_line in lines.items():
        parts += _line(name, [(across.at(x), up.at(y)) for x, y in of_line])
    ends = {name: (across.at(of_line[-1][0]), up.at(of_line[-1][1])) for name, of_line in lines.items()}
    seconds = {name: of_line[-1][1] for name, of_line in lines.items()}
    parts += _names(ends, seconds)
    return picture(WIDTH, HEIGHT, title, parts, xmlns="http://www.w3.org/2000/svg", font_family="sans-serif") + "\n"


def _grid(across: Axis, up: Axis, unit: str) -> Iterator[str]:
    for value in across.ticks:
        x = across.at(value)
        yield line(x, TOP, x, HEIGHT - BOTTOM, stroke=GREY)
        yield text(x, HEIGHT - BOTTOM + 18, f"{value:,.0f}", text_anchor="middle", font_size=SIZE, fill=BLACK)
    yield text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, unit, text_anchor="middle", font_size=SIZE, fill=BLACK)
    for value in up.ticks:
        y = up.at(value)
        yield line(LEFT, y, WIDTH - RIGHT, y, stroke=GREY)
        yield text(LEFT - 8, y + 4, f"{value:g} s", text_anchor="end", font_size=SIZE, fill=BLACK)


def _line(name: str, points: list[Point]) -> Iterator[str]:
    colour = COLOURS[name.removeprefix("no-op on ")]
    dash = {"stroke_dasharray": "5 4"} if name.startswith("no-op") else {}
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    yield element("polyline", points=path, fill="none", stroke=colour, stroke_width=2, **dash)
    for x, y in points:
        yield element("circle", cx=x, cy=y, r=3, fill="white" if dash else colour, stroke=colour)


def _names(ends: dict[str, Point], seconds: dict[str, float]) -> Iterator[str]:
    """The name of each line and its last value, from the top; one that would cover another is moved down."""
    below = TOP
    for name, (_, y) in sorted(ends.items(), key=lambda end: end[1][1]):
        below = max(below, y)
        colour = COLOURS[name.removeprefix("no-op on ")]
        yield text(WIDTH - RIGHT + 10, below + 4, f"{name}, {seconds[name]:.3g} s", font_size=SIZE, fill=colour)
        below += LINE_HEIGHT
