"""The attempts of one start of a run as a picture: a bar per attempt, a row per step, lanes where they are many."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Self

from shared.run.ledger import AGGREGATE, STAGE

Entry = dict[str, Any]

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 760, 84, 28, 26, 24  # pixels
ROW, LANES_HEIGHT = 18.0, 160.0  # pixels: of a row with a label; of all lanes together, at most
MOST_ROWS = 50  # steps that get a row each; with more, those that nothing happened to share lanes
MOST_TROUBLED = 30  # of the others that get a row
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


@dataclass(frozen=True)
class Row:
    """What is drawn side by side at one height.

    Attributes:
        label: To its left.
        bars: From left to right.
        height: In pixels.
    """

    label: str
    bars: list[Bar]
    height: float = ROW


def bars(entries: list[Entry]) -> list[Bar]:
    """The bars of a ledger's entries: the staging, then by step and attempt, last the aggregation."""
    if not entries:
        return []
    times = [_time(moment) for entry in entries for moment in _moments(entry)]
    made = (Bar.of(entry, min(times), max(times)) for entry in entries)
    return sorted(made, key=lambda bar: (bar.step != STAGE, bar.step == AGGREGATE, bar.step, bar.attempt))


def rows(drawn: list[Bar]) -> list[Row]:
    """A row per step; of many shards only those that were retried or did not end well, the others share lanes."""
    steps = [(step, list(group)) for step, group in groupby(drawn, key=lambda bar: bar.step)]
    if len(steps) <= MOST_ROWS:
        return [Row(step, own) for step, own in steps]
    first = [Row(step, own) for step, own in steps if step == STAGE]
    last = [Row(step, own) for step, own in steps if step == AGGREGATE]
    shards = [(step, own) for step, own in steps if step not in {STAGE, AGGREGATE}]
    troubled = [Row(step, own) for step, own in shards if len(own) > 1 or own[0].outcome != "done"][:MOST_TROUBLED]
    shown = {row.label for row in troubled}
    return [*first, *_lanes([bar for step, own in shards if step not in shown for bar in own]), *troubled, *last]


def draw(entries: list[Entry]) -> str:
    """An SVG of the entries of a ledger; empty without any."""
    drawn = rows(bars(entries))
    if not drawn:
        return ""
    seconds = max(bar.end for row in drawn for bar in row.bars) or 1e-3
    height = TOP + sum(row.height for row in drawn) + BOTTOM
    parts, top = [*_legend(), *_axis(seconds, height)], float(TOP)
    for row in drawn:
        parts += _row(row, top, (WIDTH - LEFT - RIGHT) / seconds)
        top += row.height
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0f}" '
        f'font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="#fff"/>{"".join(parts)}</svg>'
    )


def data_uri(svg: str) -> str:
    """The picture as an address that carries it, for a Markdown image."""
    return f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}"


def _lanes(shards: list[Bar]) -> list[Row]:
    """Bars of many shards in as few rows as went side by side; the first says how many shards they are."""
    lanes: list[list[Bar]] = []
    for bar in sorted(shards, key=lambda bar: bar.start):
        lane = next((lane for lane in lanes if lane[-1].end <= bar.start), None)
        if lane is None:
            lanes.append(lane := [])
        lane.append(bar)
    height = min(ROW, LANES_HEIGHT / max(1, len(lanes)))
    label = f"{len({bar.step for bar in shards}):,} shards"
    return [Row("" if number else label, lane, height) for number, lane in enumerate(lanes)]


def _row(row: Row, top: float, scale: float) -> list[str]:
    """A label, a line over the time it took, the bars."""
    middle, thick = top + row.height / 2, max(1.0, row.height - 4)
    begin, end = (f"{LEFT + scale * moment:.1f}" for moment in (row.bars[0].start, row.bars[-1].end))
    parts = [f'<path d="M{begin} {middle:.1f}H{end}" stroke="#cbd5e0"/>']
    parts.append(_text(LEFT - 6, middle + 4, row.label, anchor="end"))
    return parts + [_rectangle(bar, middle - thick / 2, thick, scale) for bar in row.bars]


def _rectangle(bar: Bar, top: float, thick: float, scale: float) -> str:
    """An attempt, a little shorter than it was, so that two in a lane do not become one."""
    wide = max(0.5, scale * (bar.end - bar.start) - 0.5)
    return (
        f'<rect x="{LEFT + scale * bar.start:.1f}" y="{top:.1f}" width="{wide:.1f}" height="{thick:.1f}" '
        f'fill="{COLOURS[bar.outcome]}">'
        f"<title>{bar.step}, attempt {bar.attempt}: {bar.outcome} after {bar.end - bar.start:.3f} s</title></rect>"
    )


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
