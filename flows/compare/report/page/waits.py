"""The chart of waits: how long after the declared time the retries of each column came."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from markupsafe import Markup

from flows.compare.report.conclusions.delays import TOLERANCE
from flows.compare.report.page.timelines import axis_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flows.compare.record.concluded import Delays


def waits_chart(delays: Sequence[Delays]) -> Markup:
    """A row per column: a line from the shortest to the longest wait of each retry, a dot at its median.

    Args:
        delays: The delays of all columns; those of one column are adjacent.
    """
    longest = max(TOLERANCE, *(each.longest - each.declared for each in delays)) * 1.02
    rows = [axis_of(longest, 6)]
    for column, group in groupby(delays, key=lambda delay: delay.column):
        rows.append(_row(column, list(group), longest))
    return Markup().join(rows)


def _row(column: str, delays: list[Delays], longest: float) -> Markup:
    kept = Markup('<i class="kept" style="width:{:.1f}%"></i>').format(100 * TOLERANCE / longest)
    height = 100 / len(delays)
    marks = [_marks(delay, (number + 0.5) * height, longest) for number, delay in enumerate(delays)]
    said = f"declared {_list(each.declared for each in delays)} s, observed {_list(each.median for each in delays)} s"
    return Markup("<p><b>{}</b><span>{}{}</span><em>{}</em></p>").format(column, kept, Markup().join(marks), said)


def _marks(delay: Delays, top: float, longest: float) -> Markup:
    def at(seconds: float) -> float:
        return max(0.0, 100 * (seconds - delay.declared) / longest)

    begin, middle, end = at(delay.shortest), at(delay.median), at(delay.longest)
    return Markup(
        '<i class="range" style="top:{0:.0f}%;left:{1:.1f}%;width:{2:.1f}%"></i>'
        '<i class="dot" style="top:{0:.0f}%;left:{3:.1f}%"></i>'
    ).format(top, begin, end - begin, middle)


def _list(seconds: Iterable[float]) -> str:
    return ", ".join(f"{each:.3g}" for each in seconds)
