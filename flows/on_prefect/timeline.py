"""The attempts of one start of a run as a picture: a row per step, a bar per attempt, gaps where an engine waited."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Self

from shared.run.ledger import step_order

Entry = dict[str, Any]

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 760, 84, 28, 26, 24  # pixels
TALLEST_ROW, SHORTEST_ROW, ROWS_HEIGHT = 18.0, 3.0, 480.0  # pixels; rows shrink to fit many shards
READABLE_ROW = 10.0  # pixels; below, only steps with more than one attempt are labelled
COLOURS = {"done": "#2f855a", "failed": "#c53030", "died": "#6b1f7c", "no end recorded": "#a0aec0"}
TICKS = 5


@dataclass(frozen=True)
class Bar:
    """One attempt, in seconds from the first claim shown; without a recorded end it lasts to the latest moment."""

    step: str
    attempt: int
    start: float
    end: float
    outcome: str

    @classmethod
    def of(cls, entry: Entry, first: datetime, last: datetime) -> Self:
        """The bar of an entry of the ledger."""
        end = entry["end"]
        until = _time(end["ended_at"]) if end else last
        outcome = _outcome(end["outcome"]) if end else "no end recorded"
        start = (_time(entry["claimed_at"]) - first).total_seconds()
        return cls(entry["step"], entry["attempt"], start, max(start, (until - first).total_seconds()), outcome)


def bars(entries: list[Entry]) -> list[Bar]:
    """The bars of a ledger's entries, by step and attempt."""
    if not entries:
        return []
    times = [_time(moment) for entry in entries for moment in _moments(entry)]
    made = (Bar.of(entry, min(times), max(times)) for entry in entries)
    return sorted(made, key=lambda bar: (step_order(bar.step), bar.attempt))


def draw(entries: list[Entry]) -> str:
    """An SVG of the entries of a ledger; empty without any."""
    rows = [list(group) for _, group in groupby(bars(entries), key=lambda bar: bar.step)]
    if not rows:
        return ""
    seconds = max(bar.end for row in rows for bar in row) or 1e-3
    tall = min(TALLEST_ROW, max(SHORTEST_ROW, ROWS_HEIGHT / len(rows)))
    height = TOP + tall * len(rows) + BOTTOM
    parts = [*_legend(), *_axis(seconds, height)]
    for number, row in enumerate(rows):
        parts += _row(row, TOP + number * tall, tall, (WIDTH - LEFT - RIGHT) / seconds)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0f}" '
        f'font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="#fff"/>{"".join(parts)}</svg>'
    )


def data_uri(svg: str) -> str:
    """The picture as an address that carries it, for a Markdown image."""
    return f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}"


def _row(row: list[Bar], top: float, tall: float, scale: float) -> list[str]:
    """A step's label, a line over the time it took, its bars."""
    middle, thick = top + tall / 2, max(2.0, tall - 4)
    begin, end = (f"{LEFT + scale * moment:.1f}" for moment in (row[0].start, row[-1].end))
    parts = [f'<path d="M{begin} {middle:.1f}H{end}" stroke="#cbd5e0"/>']
    if tall >= READABLE_ROW or len(row) > 1:
        parts.append(_text(LEFT - 6, middle + 4, row[0].step, anchor="end"))
    parts += (
        f'<rect x="{LEFT + scale * bar.start:.1f}" y="{middle - thick / 2:.1f}" '
        f'width="{max(1.5, scale * (bar.end - bar.start)):.1f}" height="{thick:.1f}" fill="{COLOURS[bar.outcome]}">'
        f"<title>{bar.step}, attempt {bar.attempt}: {bar.outcome} after {bar.end - bar.start:.3f} s</title></rect>"
        for bar in row
    )
    return parts


def _axis(seconds: float, height: float) -> list[str]:
    width = WIDTH - LEFT - RIGHT
    parts = []
    for tick in range(TICKS + 1):
        x = LEFT + width * tick / TICKS
        parts.append(f'<path d="M{x:.1f} {TOP}V{height - BOTTOM:.1f}" stroke="#edf2f7"/>')
        parts.append(_text(x, height - 8, f"{seconds * tick / TICKS:.2f} s", anchor="middle"))
    return parts


def _legend() -> list[str]:
    parts = []
    for number, (outcome, colour) in enumerate(COLOURS.items()):
        x = LEFT + number * 110
        parts.append(f'<rect x="{x}" y="7" width="10" height="10" fill="{colour}"/>')
        parts.append(_text(x + 14, 16, outcome))
    return parts


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="#2d3748">{text}</text>'


def _outcome(outcome: str) -> str:
    return outcome if outcome in COLOURS else "done"


def _moments(entry: Entry) -> list[str]:
    return [entry["claimed_at"], *([entry["end"]["ended_at"]] if entry["end"] else [])]


_time = datetime.fromisoformat
