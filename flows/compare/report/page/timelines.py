"""Renders timelines as HTML: attempts as rows of bars, on an axis that several cells may share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

from markupsafe import Markup

from flows.engine.verdicts import Verdict
from shared.drawing.svg import ticks
from shared.drawing.timeline import OPEN, Bar, Row, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flows.compare.record.comparison import Comparison, Scenario
    from flows.compare.record.observed import Cell

LANE = 10  # units of a lane's height
WHOLE = 1000  # units of the axis
SHORTEST = 1e-3  # seconds of an axis
ROOM = 0.85  # of an axis: what comes later has no room for its words


@dataclass(frozen=True)
class Timeline:
    """The rows of one cell, drawn.

    Attributes:
        cell: Whose attempts they are.
        rows: The HTML.
    """

    cell: Cell
    rows: Markup


def timelines(cells: Sequence[Cell], scenario: Scenario) -> tuple[list[Timeline], Markup]:
    """Cells of one scenario on one axis, and the axis.

    Args:
        cells: One per column.
        scenario: Theirs.
    """
    of_cells = [(cell, rows_of(cell.attempts, scenario.plan)) for cell in cells]
    longest = max((bar.end for _, rows in of_cells for row in rows for bar in row.bars), default=0.0)
    axis = max(SHORTEST, longest) * (1.15 if any(_stuck(cell) for cell in cells) else 1.01)
    drawn = [Timeline(cell, _drawn(_ended(cell, rows, axis), axis)) for cell, rows in of_cells]
    return drawn, axis_of(axis)


def most_differing(comparison: Comparison) -> str:
    """The scenario in which the columns differ most; the first of several, empty without cells."""

    def differences(name: str) -> tuple[int, int, int]:
        cells = comparison.at(name)
        verdicts = {cell.judgement.verdict for cell in cells if cell.judgement.tested}
        return len(verdicts), len({cell.column for cell in cells}), len(comparison.scenarios[name].plan) > 0

    return max(comparison.scenarios, key=differences, default="")


def shown(comparison: Comparison, scenario: str) -> list[Cell]:
    """One cell for each column: of repetitions the first that is not as expected, or the first."""
    cells = [comparison.at(scenario, column) for column in comparison.columns]
    return [next((cell for cell in each if not cell.judgement.as_expected), each[0]) for each in cells if each]


def stuck_for(cell: Cell) -> str:
    """What a stuck run looked like when the comparison gave it up."""
    last = cell.starts[-1]
    return "its process is gone, reported as running" if last.ended else f"still running after {last.seconds:.0f} s"


def _stuck(cell: Cell) -> bool:
    return cell.judgement.verdict is Verdict.STUCK


def _ended(cell: Cell, rows: list[Row], axis: float) -> list[Row]:
    """The rows, the attempt that a stuck run waits for open to the edge of the plot."""
    waiting = [row for row in rows if row.bars and row.bars[-1].kind == OPEN]
    if not _stuck(cell) or not rows:
        return rows
    if not waiting:
        return [*rows, Row("the run", bars=(Bar(0, axis, OPEN, ""),), note=stuck_for(cell))]
    row = next((each for each in waiting if "(" in each.note), waiting[-1])  # a fault is named in brackets
    bars = (*row.bars[:-1], replace(row.bars[-1], end=axis))
    cause = row.note.rpartition("(")[2].rstrip(")") if "(" in row.note else ""
    changed = replace(row, bars=bars, note=": ".join(filter(None, [cause, stuck_for(cell)])))
    return [changed if each is row else each for each in rows]


def _drawn(rows: Iterable[Row], axis: float) -> Markup:
    parts: list[Markup] = []
    for lanes, group in groupby(rows, key=lambda row: row.lanes):
        of_group = list(group)
        parts += [_lanes(of_group, axis)] if lanes else [_row(row, axis) for row in of_group]
    return Markup().join(parts)


def _row(row: Row, axis: float) -> Markup:
    """A row with a bar, or a heading without one."""
    if not row.bars:
        return Markup("<p><b>{}</b></p>").format(row.label) if row.label else Markup()
    wait = _span("w", *row.waited, axis) if row.waited else Markup()
    bars = Markup().join(_span(bar.kind[0], bar.begin, bar.end, axis) for bar in row.bars)
    note = Markup("<em>{}</em>").format(row.note) if row.note else Markup()
    return Markup("<p><b>{}</b><span>{}{}</span>{}</p>").format(row.label, wait, bars, note)


def _span(kind: str, begin: float, end: float, axis: float) -> Markup:
    left, width = 100 * begin / axis, 100 * (end - begin) / axis
    return Markup('<i class="{}" style="left:{:.1f}%;width:{:.1f}%"></i>').format(kind, left, width)


def _lanes(rows: list[Row], axis: float) -> Markup:
    """Attempts of undisturbed steps: a path for each kind of bar, for there may be thousands."""
    paths: dict[str, list[str]] = {}
    for number, row in enumerate(rows):
        for bar in row.bars:
            left = round(WHOLE * bar.begin / axis)
            width = max(2, round(WHOLE * (bar.end - bar.begin) / axis) - 1)
            paths.setdefault(bar.kind[0], []).append(f"M{left} {number * LANE}h{width}v{LANE - 2}h-{width}z")
    drawn = Markup().join(Markup('<path class="{}" d="{}"/>').format(kind, "".join(d)) for kind, d in paths.items())
    height = len(rows) * LANE
    box = Markup('<svg viewBox="0 0 {} {}" preserveAspectRatio="none" style="height:{}px">{}</svg>').format(
        WHOLE, height, min(10 * len(rows), 60), drawn
    )
    return Markup("<p><b>{}</b><span>{}</span></p>").format(rows[0].label, box)


def axis_of(longest: float, at_most: int = 4) -> Markup:
    """Marks at round seconds up to some; one near the right edge would be cut off.

    Args:
        longest: What the axis shows, in seconds.
        at_most: How many marks.
    """
    seconds = (each for each in ticks(longest, at_most) if each < ROOM * longest)
    marks = (Markup('<i style="left:{:.1f}%">{:g} s</i>').format(100 * each / longest, each) for each in seconds)
    return Markup('<p class="axis"><b></b><span>{}</span></p>').format(Markup().join(marks))
