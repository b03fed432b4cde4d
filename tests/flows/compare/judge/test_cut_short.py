"""What the comparison ended itself, although it worked, tests nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.compare.judge.judgement import judged
from flows.engine.verdicts import Absent, Verdict
from shared.faults.plan import Fault
from tests.flows.compare.attempts import POLICY, at, attempt
from tests.flows.compare.made import cell, column, scenario, start

if TYPE_CHECKING:
    from flows.compare.record.observed import Cell

HANGS = scenario("hang_once").model_copy(update={"short_timeout": True, "plan": (Fault("hang", "shard-002"),)})
KILLED = attempt("shard-003", 1, 0, POLICY.timeout_seconds, outcome="died", ended_by="watcher")


def again(cut: Cell, *, hangs: bool = True) -> Cell:
    """A cell with its judgement derived again."""
    return judged(cut, HANGS if hangs else scenario("a"), column("prefect"))


def test_a_timeout_of_the_scenario_that_ends_a_healthy_attempt_tests_nothing() -> None:
    """Version 0.2 said "failed with an error" of a shard that takes longer than the scenario's timeout."""
    cut = cell("hang_once", "prefect").model_copy(
        update={"attempts": (KILLED,), "starts": (start(9, completed=False),)}
    )
    found = again(cut).judgement
    assert found.verdict is Absent.NOT_TESTED
    assert any(
        "shard-003 #1, which nothing disturbed, was ended by this scenario's" in each for each in found.mismatches
    )


def test_a_policy_that_ends_an_attempt_is_the_persons_own() -> None:
    """Where the scenario shortened nothing, the timeout is what was declared."""
    cut = cell("a", "prefect").model_copy(update={"attempts": (KILLED,), "starts": (start(9, completed=False),)})
    assert not any("which nothing disturbed" in each for each in again(cut, hangs=False).judgement.mismatches)


def overdue(last_sign: float) -> Cell:
    """A run that was ended after 90 s, its last attempt begun at a moment."""
    late = start(91, completed=False, answered=False, ended=False, status=None, ended_at=at(91))
    given = {"attempts": (attempt("shard-000", 1, last_sign, None),), "starts": (late,)}
    return cell("a", "prefect").model_copy(update={**given, "deadline_seconds": 90.0, "patience_seconds": 10.0})


def test_a_run_that_still_makes_attempts_at_its_deadline_is_not_stuck() -> None:
    """Version 0.2 called a job of 95 s stuck at 90 s."""
    found = again(overdue(85), hangs=False).judgement
    assert (found.verdict, found.tested) == (Absent.NOT_TESTED, False)
    assert "still making attempts when its deadline of 90 s ended it" in found.mismatches[0]


def test_a_run_that_was_silent_for_long_is_stuck() -> None:
    """Nothing begins and nothing ends any more."""
    assert again(overdue(10), hangs=False).judgement.verdict is Verdict.STUCK
