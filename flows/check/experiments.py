"""The kinds of experiments, and the experiments that are possible for a job."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from dataclasses import dataclass
from enum import StrEnum
from itertools import zip_longest
from typing import TYPE_CHECKING

from flows.check.calls import calls_others
from shared.run.errors import TerminalError
from shared.tracing.plan import END, ENTRY, Action, Place
from shared.tracing.probe import ORCHESTRATOR, run_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shared.tracing.record import RunRecord


class Kind(StrEnum):
    """What happens to a job in an experiment."""

    CRASH = "crash"
    ERROR = "error"
    OVERLAP = "overlap"
    REPEAT = "repeat"
    ORCHESTRATOR = "orchestrator"


ACTIONS = {
    Kind.CRASH: Action.CRASH,
    Kind.ERROR: Action.ERROR,
    Kind.OVERLAP: Action.PAUSE,
    Kind.REPEAT: Action.TWICE,
    Kind.ORCHESTRATOR: Action.CRASH,
}
SAME_NAME, NEW_RUN = "the run again under its name", "the run again as a new one"
WHOLE = "the whole run"  # the task of experiments that are about all of them


@dataclass(frozen=True)
class Experiment:
    """One experiment.

    Attributes:
        kind: What happens.
        task: The task.
        run: The run of the task, from 1; 0 if it does not matter.
        runs: The number of runs of the task.
        place: The place; None if it comes after a whole run.
        again: What is repeated after a whole run; empty for other experiments.
        before: File and line that were executed before the place, without faults.
        position: The position of the place among all places of its run.
        telling: Whether the line or the line before calls another module, where effects are.
    """

    kind: Kind
    task: str
    run: int = 0
    runs: int = 0
    place: Place | None = None
    again: str = ""
    before: tuple[str, int] | None = None
    position: int = 0
    telling: bool = True

    @property
    def action(self) -> Action:
        """The action of the job's processes."""
        return Action.RECORD if self.place is None else ACTIONS[self.kind]


@dataclass(frozen=True)
class Moment:
    """A place in a run without faults."""

    place: Place
    before: tuple[str, int] | None
    position: int


def find_kinds(names: Sequence[str]) -> tuple[Kind, ...]:
    """Return the kinds with the given names, or all; a TerminalError lists the kinds if a name is unknown."""
    given = [part.strip() for name in names for part in name.split(",") if part.strip()]
    if unknown := [name for name in given if name not in set(Kind)]:
        raise TerminalError(f"unknown experiments: {', '.join(unknown)}; known are {', '.join(Kind)}")
    return tuple(Kind(name) for name in given) or tuple(Kind)


def by_order(first: Sequence[RunRecord], second: Sequence[RunRecord]) -> tuple[str, ...]:
    """Return tasks whose runs have other arguments in each run of the job; only their order identifies them."""
    keys = [Counter((record.task, record.key) for record in records) for records in (first, second)]
    return tuple(sorted({task for task, _ in (keys[0] - keys[1]) + (keys[1] - keys[0])}))


def plan(
    records: Sequence[RunRecord], ordered: Sequence[str], kinds: Iterable[Kind], *, again: bool
) -> list[Experiment]:
    """All experiments for a job, by kind, then in the order of its execution.

    Args:
        records: The records of a run without faults.
        ordered: The result of ``by_order``.
        kinds: The wanted kinds.
        again: Whether a run can be started again with its name.
    """
    return [each for kind in Kind if kind in set(kinds) for each in _of_kind(kind, records, ordered, again=again)]


def limit(experiments: list[Experiment], most: int, seed: int) -> list[Experiment]:
    """Return those that are tried, in the order of their trial: half are crashes, the others of all other kinds.

    A second start of the whole run comes first, then lines next to calls into other modules, of all tasks in turn.
    """
    crashes, *others = (_by_importance([each for each in experiments if each.kind is kind]) for kind in Kind)
    chosen = _in_turn(crashes, _in_turn(*others))[:most]
    random.Random(seed).shuffle(chosen)  # noqa: S311 — an order, no secret
    return sorted(chosen, key=lambda each: list(Kind).index(each.kind))


def _by_importance(experiments: list[Experiment]) -> list[Experiment]:
    tasks: defaultdict[tuple[bool, str], list[Experiment]] = defaultdict(list)
    for each in sorted(experiments, key=lambda each: not each.again):
        tasks[each.telling, each.task].append(each)
    return [each for wanted in (True, False) for each in _in_turn(*(tasks[key] for key in tasks if key[0] is wanted))]


def _in_turn(*many: list[Experiment]) -> list[Experiment]:
    """The first of each, then the second of each, and so on."""
    return [each for together in zip_longest(*many) for each in together if each]


def _of_kind(kind: Kind, records: Sequence[RunRecord], ordered: Sequence[str], *, again: bool) -> Iterator[Experiment]:
    orchestrators = kind is Kind.ORCHESTRATOR
    tasks: defaultdict[str, list[RunRecord]] = defaultdict(list)
    for record in records:
        if (record.role == ORCHESTRATOR) == orchestrators:
            tasks[record.task].append(record)
    for task, runs in tasks.items():
        chosen = range(1, len(runs) + 1) if orchestrators else sorted({1, (len(runs) + 1) // 2, len(runs)})
        for number in chosen:
            record = runs[number - 1]
            for moment in _moments(record, run_name(record, by_order=task in ordered)):
                if kind is not Kind.REPEAT or moment.place.line == END:
                    telling = _telling(moment)
                    yield Experiment(
                        kind, task, number, len(runs), moment.place, "", moment.before, moment.position, telling
                    )
    if kind is Kind.REPEAT:
        yield from (Experiment(kind, WHOLE, again=each) for each in (SAME_NAME, NEW_RUN) if again or each == NEW_RUN)


def _moments(record: RunRecord, run: str) -> list[Moment]:
    """Return the places before the first and last visit of each line, and the end; the start if there are no lines."""
    if not record.lines:
        return [Moment(Place(record.task, run, line=ENTRY), None, 0)]
    found = []
    for line in record.lines:
        found.append(Moment(Place(record.task, run, line.file, line.line, 1), line.before_first, line.first))
        if line.visits > 1:
            place = Place(record.task, run, line.file, line.line, line.visits)
            found.append(Moment(place, line.before_last, line.last))
    last = max(record.lines, key=lambda line: line.last)
    found.append(Moment(Place(record.task, run, line=END), (last.file, last.line), last.last + 1))
    return sorted(found, key=lambda moment: moment.position)


def _telling(moment: Moment) -> bool:
    near = [(moment.place.file, moment.place.line)] if moment.place.file else []
    near += [moment.before] if moment.before else []
    return not moment.place.file or any(line in calls_others(file) for file, line in near)
