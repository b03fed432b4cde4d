from __future__ import annotations

from flows.check.experiments import NEW_RUN, WHOLE, Experiment, Kind
from flows.check.findings import find
from flows.check.trials import Recovery, Trial, Verdict
from shared.state.difference import Difference
from shared.state.difference import Kind as Wrong
from shared.tracing.plan import Place

DOUBLE = (Difference("orders", Wrong.DUPLICATE, 1, "orders has 1 duplicate row"),)
LOST = (Difference("marks", Wrong.MISSING, 1, "marks lacks 1 row"),)
Differences = tuple[Difference, ...]


def tried(  # noqa: PLR0913 — one per part of an experiment
    task: str,
    line: int,
    wrong: Differences = (),
    kind: Kind = Kind.CRASH,
    *,
    position: int | None = None,
    run: int = 1,
    verdict: Verdict | None = None,
) -> Trial:
    """An experiment before a line; by default the line is its position."""
    at = line if position is None else position
    experiment = Experiment(
        kind, task, run, 1, Place(task, "k.1", "etl.py", line), before=("etl.py", line - 1), position=at
    )
    shown = verdict or (Verdict.UNSAFE if wrong else Verdict.SAFE)
    return Trial(experiment, shown, None, Recovery.ENGINE, wrong, "", 0.1)


def places(trials: list[Trial], *tasks: str) -> list[tuple[str, int, list[str], int]]:
    """Task, line and kinds of each finding, and how many experiments show it."""
    found = find(trials, tasks)
    return [
        (
            each.task,
            each.first.experiment.place.line if each.first.experiment.place else 0,
            sorted({trial.experiment.kind for trial in each.trials}),
            len(each.trials),
        )
        for each in found
    ]


def test_neighbours_that_show_the_same_are_one_finding() -> None:
    """It stands at the first of them; experiments of other kinds and runs are added to it."""
    trials = [tried("load", line, DOUBLE if line >= 3 else ()) for line in (1, 2, 3, 4, 5)]
    trials += [tried("load", line, DOUBLE if line >= 3 else (), run=2) for line in (1, 3, 5)]
    trials += [tried("load", line, DOUBLE, Kind.OVERLAP) for line in (1, 2, 3)]
    assert places(trials, "load") == [("load", 3, ["crash", "overlap"], 8)]


def test_two_places_in_one_task_are_two_findings() -> None:
    """A safe line between them, or another harm, tells them apart."""
    trials = [tried("load", line, DOUBLE if line in {2, 5} else LOST if line == 3 else ()) for line in range(1, 7)]
    assert [place[:2] for place in places(trials, "load")] == [("load", 2), ("load", 3), ("load", 5)]


def test_harm_that_was_done_before_a_task_belongs_to_the_one_before() -> None:
    """A retry of the whole run does the first task again, whichever line of the second one it was killed at."""
    trials = [tried("load", 1), tried("load", 2, DOUBLE)]
    trials += [tried("report", line, DOUBLE, position=line - 10) for line in (10, 11, 12)]
    trials += [tried("report", 13, (*DOUBLE, *LOST), position=3)]
    assert [place[:2] for place in places(trials, "load", "report")] == [("load", 2), ("report", 13)]


def test_harm_before_the_first_line_of_the_first_task_is_a_finding() -> None:
    """There is no earlier one to which it could belong."""
    assert places([tried("load", 1, DOUBLE, position=0)], "load") == [("load", 1, ["crash"], 1)]


def test_what_does_not_recover_or_was_not_reached_is_a_finding() -> None:
    """Each is one of its own."""
    trials = [
        tried("load", 1, verdict=Verdict.DOES_NOT_RECOVER),
        tried("load", 2),
        tried("load", 3, verdict=Verdict.NOT_REACHED),
    ]
    assert [each.verdict for each in find(trials, ["load"])] == [Verdict.DOES_NOT_RECOVER, Verdict.NOT_REACHED]


def test_a_whole_run_that_is_started_again_is_a_finding() -> None:
    """It has no line, and comes last."""
    again = Experiment(Kind.REPEAT, WHOLE, again=NEW_RUN)
    trials = [Trial(again, Verdict.UNSAFE, None, Recovery.NONE, DOUBLE, "", 0.1), tried("load", 2, LOST)]
    assert [place[0] for place in places(trials, "load")] == ["load", WHOLE]
