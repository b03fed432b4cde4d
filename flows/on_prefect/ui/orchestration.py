"""Shows what two engines did for one job: attempts, retries, deaths, waits and times, as a table and timelines."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Self

from flows.on_prefect.ui import timeline
from shared.drawing.timeline import Row, rows_of
from shared.run.attempts import read_attempts
from shared.run.step_names import AGGREGATE, STAGE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from shared.run.attempts import Attempt
    from shared.run.run import Run

STEPS = {STAGE: "staging", "": "shards", AGGREGATE: "aggregation"}  # by name; there are many shards


@dataclass(frozen=True)
class Side:
    """One engine's part.

    Attributes:
        title: The engine, and "local stand-in" if it was one.
        attempts: The attempts of the whole run, oldest first.
    """

    title: str
    attempts: Sequence[Attempt]

    @classmethod
    def of(cls, title: str, run: Run) -> Self:
        """Return the side of a run that has ended."""
        return cls(title, read_attempts(run.store, run.job.run_id))

    def facts(self) -> dict[str, str]:
        """Return labels and texts; the labels are the same for every side."""
        waits = list(self._waits())
        retries = len(self.attempts) - len({attempt.step for attempt in self.attempts})
        return {
            "attempts": f"{len(self.attempts)}",
            "retries": f"{retries}",
            "deaths": f"{sum(attempt.died for attempt in self.attempts)}",
            "waits before retries": f"{len(waits)}, {sum(waits):.1f} s together" if waits else "none",
            **{title: f"{_span(self._of_step(name)):.2f} s" for name, title in STEPS.items()},
            "in total": f"{_span(self.attempts):.2f} s",
        }

    def _of_step(self, name: str) -> list[Attempt]:
        return [each for each in self.attempts if each.step == name or (not name and each.step not in STEPS)]

    def _waits(self) -> Iterable[float]:
        """Return the seconds from the end of each attempt to the next attempt at the same step."""
        for step in {attempt.step for attempt in self.attempts}:
            of_step = [attempt for attempt in self.attempts if attempt.step == step]
            for before, after in pairwise(of_step):
                if before.end:
                    yield max(0.0, before.end.moment.until(after.begin))


def section(sides: Sequence[Side]) -> str:
    """Return heading, table and one timeline per side on one axis, as Markdown."""
    titles = [side.title for side in sides]
    table = _table(titles, [side.facts() for side in sides])
    rows = [row for side in sides for row in (Row(side.title, head=True), *rows_of(side.attempts, (), timeline.LIMITS))]
    uri = timeline.data_uri(timeline.picture(rows, f"Timelines of {' and '.join(titles)}"))
    return f"## What the engines did\n\n{table}\n\n![the timelines of both on one axis]({uri})"


def _table(titles: Sequence[str], facts: Sequence[Mapping[str, str]]) -> str:
    head = [f"| | {' | '.join(titles)} |", f"|---|{'---|' * len(titles)}"]
    return "\n".join([*head, *(f"| {label} | {' | '.join(side[label] for side in facts)} |" for label in facts[0])])


def _span(attempts: Sequence[Attempt]) -> float:
    """Return the seconds from the first begin to the last known end."""
    if not attempts:
        return 0.0
    first = min(attempt.begin.at for attempt in attempts)
    last = max(attempt.end.moment.at if attempt.end else attempt.begin.at for attempt in attempts)
    return (last - first).total_seconds()
