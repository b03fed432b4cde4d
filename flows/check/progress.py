"""Shows the progress of a check: the current experiment, the number of experiments, the remaining time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from flows.check.trials import Verdict
from shared.run.printable import printable
from shared.tracing.plan import END

if TYPE_CHECKING:
    from rich.console import Console

    from flows.check.experiments import Experiment
    from flows.check.trials import Trial


class Shown:
    """One line that is redrawn on a terminal; one line per phase elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=None)
        self._bad = 0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def phase(self, text: str) -> None:
        """Start a phase without experiments."""
        self._bar.update(self._task, description=printable(text))
        if not self._console.is_terminal:
            self._console.print(printable(text), markup=False, highlight=False)

    def begin(self, experiment: Experiment, number: int, total: int) -> None:
        """Show the experiment that starts."""
        found = f", {self._bad} not safe" if self._bad else ""
        self._bar.update(
            self._task, description=printable(f"{_name(experiment)}{found}"), total=total, completed=number - 1
        )

    def end(self, trial: Trial) -> None:
        """Count the experiment that ended."""
        self._bad += trial.verdict in {Verdict.UNSAFE, Verdict.DOES_NOT_RECOVER}
        self._bar.advance(self._task)


def _name(experiment: Experiment) -> str:
    place = experiment.place
    if place is None:
        return experiment.again
    where = "after its last line" if place.line == END else f"line {place.line}" if place.line else "before it"
    return f"{experiment.kind.value}: {experiment.task}, {where}"
