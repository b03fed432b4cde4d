"""Draws the rows of a timeline and its axis, in the colours of the page that shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.drawing import svg
from shared.drawing.timeline import DONE, FAILED, IDLE, OPEN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from shared.drawing.timeline import Bar, Row

ROW, FONT, AXIS, EDGE = 17, 11, 34, 2  # pixels: of a row, its text, the axis above, the right edge
LANES = 160.0  # pixels: maximum height of the rows that undisturbed steps share
SUFFICES = 1e-3  # seconds: the shortest axis


@dataclass(frozen=True)
class Look:
    """The colours of a page.

    Attributes:
        ink: For text.
        muted: For less important text, and for waits.
        line: For the grid.
        done: For successful attempts.
        failed: For failed attempts.
        on_bar: For text on a bar.
    """

    ink: str
    muted: str
    line: str
    done: str
    failed: str
    on_bar: str

    def of(self, kind: str) -> Mapping[str, str | float]:
        """Return fill and stroke of a kind of bar."""
        if kind in {DONE, FAILED}:
            colour = self.done if kind == DONE else self.failed
            return {"fill": colour, "stroke": colour}
        dashed = {"stroke": self.failed, "stroke_dasharray": "2 2"} if kind == OPEN else {"stroke": self.done}
        return {"fill": "transparent", **dashed}


KINDS = {DONE: "done", IDLE: "nothing left to do", FAILED: "failed or died", OPEN: "no end recorded"}


def height_of(rows: Sequence[Row]) -> float:
    """Return the height of some rows and the axis above them."""
    return AXIS + sum(map(_height, rows)) + EDGE


def draw(rows: Sequence[Row], width: float, label_width: float, look: Look) -> list[str]:
    """Draw some rows below an axis.

    Args:
        rows: The rows, from top to bottom.
        width: The total width in pixels.
        label_width: The width of the labels in pixels.
        look: The colours.
    """
    longest = max((bar.end for row in rows for bar in row.bars), default=0) * 1.01 or SUFFICES
    plot = width - label_width - EDGE
    parts = axis(width, label_width, height_of(rows), longest, "seconds since the first claim", look)
    top = float(AXIS)
    for row in rows:
        parts += _Drawing(top, label_width, plot / longest, plot, look).row(row)
        top += _height(row)
    return parts


def axis(width: float, label_width: float, height: float, longest: float, title: str, look: Look) -> list[str]:  # noqa: PLR0913, PLR0917 — a box, a scale and its words
    """Draw the time axis above some rows, with its grid."""
    scale = (width - label_width - EDGE) / longest
    parts = [svg.text(label_width, FONT, title, fill=look.muted)]
    for tick in svg.ticks(longest, 6):
        x = label_width + tick * scale
        end = "start" if tick == 0 else "middle"
        parts.append(svg.line(x, AXIS - 4, x, height - EDGE, stroke=look.line))
        parts.append(svg.text(x, AXIS - 8, f"{tick:g}", fill=look.muted, text_anchor=end))
    return parts


def _height(row: Row) -> float:
    return min(ROW, LANES / row.lanes) if row.lanes else ROW


@dataclass(frozen=True)
class _Drawing:
    """The position of a row: its top, the left edge of the plot, pixels per second, the plot's width."""

    top: float
    left: float
    scale: float
    plot: float
    look: Look

    def row(self, row: Row) -> Iterator[str]:
        """Draw the label, the wait, the bars and the note."""
        height = _height(row)
        middle = self.top + height / 2
        if row.label:
            look = {"fill": self.look.ink, "font_weight": "600"} if row.head else {"fill": self.look.muted}
            yield svg.text(0, self.top + ROW - 5, row.label, **look)
        if row.since is not None:
            x = self.left + row.since * self.scale
            yield svg.line(x, self.top, x, self.top + height, stroke=self.look.line, stroke_width=2)
        if row.waited:
            begin, end = (self.left + moment * self.scale for moment in row.waited)
            yield svg.line(begin, middle, end, middle, stroke=self.look.muted, stroke_dasharray="3 3")
        for bar in row.bars:
            yield from self._bar(bar, height)
        if row.note:
            yield self._note(row)

    def _bar(self, bar: Bar, height: float) -> Iterator[str]:
        """Draw a bar of at least two pixels, with its text if that fits."""
        x, width = self.left + bar.begin * self.scale, max(2.0, (bar.end - bar.begin) * self.scale)
        gap = 2 if height == ROW else height / 8
        yield svg.rect(x, self.top + gap, width, max(1.0, height - 2.5 * gap), bar.title, **self.look.of(bar.kind))
        if bar.text and width > svg.width_of(bar.text, FONT) + 2 and height == ROW:
            y = self.top + ROW - 5
            yield svg.text(x + width / 2, y, bar.text, fill=self.look.on_bar, text_anchor="middle")

    def _note(self, row: Row) -> str:
        """Draw the note to the right of the bar, to its left, on it, or at the edge."""
        (bar,) = row.bars
        y, left, scale = self.top + ROW - 5, self.left, self.scale
        begin, needed = (row.waited[0] if row.waited else bar.begin), svg.width_of(row.note, FONT) + 5
        if needed <= self.plot - bar.end * scale:
            return svg.text(left + bar.end * scale + 5, y, row.note, fill=self.look.ink)
        if needed <= begin * scale:
            return svg.text(left + begin * scale - 5, y, row.note, fill=self.look.ink, text_anchor="end")
        if needed <= (bar.end - bar.begin) * scale:
            colour = self.look.on_bar if bar.kind in {DONE, FAILED} else self.look.ink
            return svg.text(left + bar.begin * scale + 5, y, row.note, fill=colour)
        return svg.text(left + self.plot, y, row.note, fill=self.look.ink, text_anchor="end")
