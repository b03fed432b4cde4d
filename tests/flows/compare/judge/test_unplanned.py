"""What nobody planned is a mismatch: deaths, failures, overlaps, attempts that only the engine or the ledger knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.compare.judge.judgement import judged
from flows.compare.record.observed import Firing
from flows.engine.record import Record
from shared.faults.plan import Fault
from tests.flows.compare.attempts import attempt
from tests.flows.compare.made import cell, column, scenario, start

if TYPE_CHECKING:
    from flows.compare.record.observed import Judgement
    from shared.run.attempts import Attempt

STAGE = attempt("stage", 1, 0, 1)
DONE = attempt("shard-002", 1, 1, 2)


def judgement(
    *attempts: Attempt, plan: tuple[Fault, ...] = (), fired: tuple[Firing, ...] = (), **more: object
) -> Judgement:
    """Of a run with these attempts besides its staging."""
    seen = cell("a", "prefect").model_copy(update={"attempts": (STAGE, *attempts), "fired": fired, **more})
    return judged(seen, scenario("a").model_copy(update={"plan": plan}), column("prefect")).judgement


FAILED = attempt("shard-002", 1, 1, 2, outcome="failed", error="OSError: away")
AGAIN = attempt("shard-002", 2, 4, 5)
DEAD = attempt("shard-002", 1, 1, None)
KILL, KILLED = Fault("kill", "shard-003"), Firing("shard-003", 1, "kill")
DIED_OF_IT = attempt("shard-003", 1, 1, 2, outcome="died", ended_by="watcher")


def test_what_was_planned_is_none() -> None:
    """A failure where a fault is, a death of the process that a killed step shared, a duplicate that was asked for."""
    planned = Fault("exception", "shard-002"), Fault("duplicate_attempt", "shard-002")
    assert not any("nothing was planned" in each for each in judgement(FAILED, AGAIN, plan=planned[:1]).mismatches)
    assert not any("nothing killed it" in each for each in judgement(DEAD, plan=(KILL,), fired=(KILLED,)).mismatches)
    twice = judgement(DONE, attempt("shard-002", 2, 1.5, 3), plan=planned[1:])
    assert not any("still ran" in each for each in twice.mismatches)


def test_attempts_that_a_death_explains_are_a_finding() -> None:
    """The engine had begun what the process that died had not claimed yet."""
    record = Record("completed", {"stage": 1, "shard-002": 2, "shard-003": 1})
    found = judgement(DONE, DIED_OF_IT, plan=(KILL,), fired=(KILLED,), engine=(record,))
    said = "the engine reports 2 attempts at shard-002 in start 1, the ledger 1"
    assert (said in found.mismatches, said in found.findings) == (False, True)


def test_a_run_that_something_may_still_finish_is_not_over() -> None:
    """The engine says running, and is right."""
    record = Record("running", {"stage": 1, "shard-002": 1})
    late = (start(4, completed=False, answered=False, ended=False, status=None),)
    for continues in (True, False):
        found = judgement(DONE, engine=(record,), starts=late, continues=continues)
        assert any("but it has ended" in each for each in found.findings) is not continues


def test_a_recovery_on_a_stand_in_of_ours_is_ours() -> None:
    """The stand-in is our code, so its behaviour is no statement about the product."""
    plan = (Fault("exception", "shard-002"),)
    raised = attempt("shard-002", 1, 1, 2, outcome="failed", error="TransientError: planned fault: exception")
    fired = (Firing("shard-002", 1, "exception"),)
    seen = cell("a", "render").model_copy(update={"attempts": (STAGE, raised, AGAIN), "fired": fired})
    asked = scenario("a").model_copy(update={"plan": plan})
    for stand_in, verdict in ((True, "recovered by our code"), (False, "recovered by the engine")):
        assert judged(seen, asked, column("render", stand_in=stand_in)).judgement.verdict == verdict
