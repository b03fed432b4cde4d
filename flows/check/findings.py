"""What is wrong with a job, one finding per place: experiments that show the same thing are put together."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flows.check.experiments import Kind
from flows.check.trials import Verdict
from shared.state.difference import Kind as Wrong
from shared.state.varying import masked

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flows.check.trials import Trial
    from shared.state.difference import Difference

Signature = frozenset[tuple[str, str]]  # tables and what is wrong with them
IN_PLACE = (Kind.CRASH, Kind.ERROR, Kind.ORCHESTRATOR)  # after these, only what ran before has to be done again


@dataclass
class Found:
    """One finding.

    Attributes:
        verdict: Of its experiments.
        task: Where.
        signature: What is wrong.
        first: The experiment that shows it first, in the order of execution.
        trials: All that show it.
    """

    verdict: Verdict
    task: str
    signature: Signature
    first: Trial
    trials: list[Trial] = field(default_factory=list)


def find(trials: Sequence[Trial], tasks: Sequence[str]) -> list[Found]:
    """All findings, those of a task that runs earlier first.

    Args:
        trials: All experiments.
        tasks: Their tasks, in the order of execution.
    """
    found: list[Found] = []
    by_task: defaultdict[str, list[Trial]] = defaultdict(list)
    for trial in trials:
        by_task[trial.experiment.task].append(trial)
    for task in [*tasks, *(task for task in by_task if task not in tasks)]:
        _of_task(task, by_task[task], found)
    return found


def _of_task(task: str, trials: list[Trial], found: list[Found]) -> None:
    """Add what is found in one task; harm that was done before its first line belongs to an earlier one."""
    inherited = frozenset[tuple[str, str]]().union(*(_signature(trial) for trial in trials if _at_begin(trial)))
    for kind in Kind:
        for stretch in _stretches([trial for trial in trials if trial.experiment.kind is kind], inherited):
            own = _signature(stretch[0]) - inherited
            signature = own or _signature(stretch[0])
            same = [
                each
                for each in found
                if each.verdict is stretch[0].verdict and signature <= each.signature and (each.task == task or not own)
            ]
            if kind is Kind.CRASH and own:  # another place with the same harm is another finding
                same = [each for each in same if _line(each.first) == _line(stretch[0])]
            if not same:
                same = [Found(stretch[0].verdict, task, signature, stretch[0])]
                found += same
            same[0].trials += stretch


def _stretches(trials: list[Trial], inherited: Signature) -> Iterator[list[Trial]]:
    """Experiments without a safe one in between, in the order of execution, of which all show the same."""
    runs: defaultdict[tuple[int, str], list[Trial]] = defaultdict(list)
    for trial in trials:
        runs[trial.experiment.run, trial.experiment.again].append(trial)
    for run in runs.values():
        stretch: list[Trial] = []
        for trial in sorted(run, key=lambda trial: trial.experiment.position):
            if stretch and _what(stretch[0], inherited) != _what(trial, inherited):
                yield stretch
                stretch = []
            if trial.verdict is not Verdict.SAFE:
                stretch.append(trial)
        if stretch:
            yield stretch


def _what(trial: Trial, inherited: Signature) -> tuple[Verdict, Signature]:
    return trial.verdict, _signature(trial) - inherited


def _signature(trial: Trial) -> Signature:
    if trial.verdict is Verdict.UNSAFE:
        return frozenset((_table(each), each.kind.value) for each in trial.differences)
    return frozenset() if trial.verdict is Verdict.SAFE else frozenset({("", trial.verdict.value)})


def _table(difference: Difference) -> str:
    """Its name; a file that must not be there may have another name each time."""
    return masked(difference.table) if difference.kind is Wrong.NEW_TABLE else difference.table


def _at_begin(trial: Trial) -> bool:
    return trial.experiment.kind in IN_PLACE and trial.experiment.position == 0 and trial.experiment.place is not None


def _line(trial: Trial) -> tuple[str, int]:
    place = trial.experiment.place
    return (place.file, place.line) if place else ("", 0)
