"""Groups experiments that show the same problem into findings, one per place."""

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

Signature = frozenset[tuple[str, str]]  # tables and kinds of differences
IN_PLACE = (Kind.CRASH, Kind.ERROR, Kind.ORCHESTRATOR)  # after these, only earlier work has to be repeated


@dataclass
class Found:
    """One finding.

    Attributes:
        verdict: The verdict of its experiments.
        task: The task.
        signature: The differences.
        first: The first experiment that shows it, in the order of execution.
        trials: All experiments that show it.
    """

    verdict: Verdict
    task: str
    signature: Signature
    first: Trial
    trials: list[Trial] = field(default_factory=list)


def find(trials: Sequence[Trial], tasks: Sequence[str]) -> list[Found]:
    """Return all findings, ordered by the first run of their tasks.

    Crashes are grouped first, because they name the line. Problems of other kinds, or in other tasks, that they explain
    belong to them.

    Args:
        trials: All experiments.
        tasks: Their tasks, in the order of execution.
    """
    found: list[Found] = []
    names = list(dict.fromkeys([*tasks, *(trial.experiment.task for trial in trials)]))
    for kind in Kind:
        for task in names:
            of_task = [trial for trial in trials if trial.experiment.task == task]
            inherited = _inherited(of_task)
            for stretch in _stretches([trial for trial in of_task if trial.experiment.kind is kind], inherited):
                _add(found, stretch, inherited)
    return sorted(found, key=lambda each: names.index(each.task))


def _inherited(trials: list[Trial]) -> Signature:
    """Return the problems that an earlier task caused before the first line of a task."""
    return frozenset[tuple[str, str]]().union(*(_signature(trial) for trial in trials if _at_begin(trial)))


def _add(found: list[Found], stretch: list[Trial], inherited: Signature) -> None:
    """Add experiments to the finding that explains them, or as a new finding."""
    first = stretch[0]
    own = _signature(first) - inherited
    known = [each for each in found if each.verdict is first.verdict]
    same = _explaining(known, first, own)
    if same is None:
        same = Found(first.verdict, first.experiment.task, own or _signature(first), first)
        found.append(same)
    same.trials += stretch


def _explaining(known: list[Found], trial: Trial, own: Signature) -> Found | None:
    """Return the finding that explains an experiment; None if it is a new finding."""
    here = [each for each in known if each.task == trial.experiment.task]
    if trial.experiment.kind is Kind.CRASH and own:  # each place is a finding
        return next((each for each in here if _line(each.first) == _line(trial)), None)
    if trial.verdict is Verdict.NOT_REACHED:
        return next(iter(here), None)
    harm = own or _signature(trial)
    best = max(known, key=lambda each: (len(each.signature & harm), each in here, -len(each.signature)), default=None)
    explained = harm <= frozenset[tuple[str, str]]().union(*(each.signature for each in known))
    return best if best and (explained or (best in here and best.signature & own)) else None


def _stretches(trials: list[Trial], inherited: Signature) -> Iterator[list[Trial]]:
    """Group adjacent experiments, in the order of execution, that show the same problem."""
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
    """Return the table's name; an unexpected file may have another name each time."""
    return masked(difference.table) if difference.kind is Wrong.NEW_TABLE else difference.table


def _at_begin(trial: Trial) -> bool:
    return trial.experiment.kind in IN_PLACE and trial.experiment.position == 0 and trial.experiment.place is not None


def _line(trial: Trial) -> tuple[str, int]:
    place = trial.experiment.place
    return (place.file, place.line) if place else ("", 0)
