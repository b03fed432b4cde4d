"""A fault that did not fire makes its run say nothing: neither a marker alone nor a trace alone is believed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flows.compare.judge.firing import SIGNS, TWICE, planned, untested
from flows.compare.judge.history import History
from flows.compare.record.observed import Firing
from shared.faults.plan import KINDS, Fault
from tests.flows.compare.attempts import POLICY, attempt

if TYPE_CHECKING:
    from shared.run.attempts import Attempt

A = "shard-002"
KILL, RAISE = Fault("kill", "shard-002"), Fault("exception", "shard-002")
DIED = attempt(A, 1, 0, 1, outcome="died", ended_by="watcher")
RAISED = attempt(A, 1, 0, 1, outcome="failed", error="TransientError: planned fault: exception")
RETRIED = attempt(A, 2, 3, 4)


def said(
    plan: list[Fault], attempts: list[Attempt], *, markers: set[Firing] | None = None, completed: bool = True
) -> list[str]:
    """What is missing; with all planned markers unless others are given."""
    seen = History(tuple(attempts), POLICY)
    return untested(plan, set(planned(plan)) if markers is None else markers, seen, completed=completed)


def test_a_fault_with_a_marker_and_a_trace_fired() -> None:
    """A kill leaves an attempt that could not record its end."""
    assert said([KILL], [DIED, RETRIED]) == []


def test_a_fault_without_a_marker_did_not_fire() -> None:
    """A fault counts only with its marker, because another attempt may have failed."""
    assert said([KILL], [DIED, RETRIED], markers=set()) == ["kill at shard-002, attempt 1 did not fire"]


@pytest.mark.parametrize("kind", ["kill", "disk_full", "out_of_memory", "hang", "exit_without_result", "torn_write"])
def test_an_error_in_place_of_a_fault_is_not_that_fault(kind: str) -> None:
    """An error that says "did not fire" is retried like any other, and shows nothing about kills or full disks."""
    lie = attempt(A, 1, 0, 1, outcome="failed", error="TransientError: did not fire")
    assert said([Fault(kind, "shard-002")], [lie, RETRIED]) == [
        f"{kind} at {A}, attempt 1 left a marker and no trace in the ledger"
    ]


def test_a_hang_that_an_engines_own_timeout_ends_leaves_an_error() -> None:
    """Prefect interrupts a body that blocks, and the attempt writes down its own end."""
    ended = attempt(A, 1, 0, 2, outcome="failed", error="CancelledError: ")
    assert said([Fault("hang", "shard-002")], [ended, RETRIED]) == []


def test_a_fault_that_does_nothing_is_not_that_fault() -> None:
    """The first attempt went through, as if nothing had been planned."""
    assert len(said([KILL], [attempt(A, 1, 0, 1)])) == 1
    assert len(said([Fault("slow", "shard-002")], [attempt(A, 1, 0, 0.1)])) == 1
    assert said([Fault("slow", "shard-002")], [attempt(A, 1, 0, 1.2)]) == []


def test_a_duplicate_must_have_run_at_the_same_time() -> None:
    """Two attempts one after the other are not duplicates."""
    plan = [Fault("duplicate_attempt", "shard-002")]
    assert said(plan, [attempt(A, 1, 0, 4), attempt(A, 2, 1, 2)]) == []
    assert len(said(plan, [attempt(A, 1, 0, 1), RETRIED])) == 1


def test_a_fault_of_a_later_attempt_must_fire_when_the_run_completes() -> None:
    """Unless the run failed before that attempt was made."""
    plan = [Fault("exception", "shard-002", (1, 2))]
    once = {Firing(A, 1, "exception")}
    assert said(plan, [RAISED, RETRIED], markers=once) == ["exception at shard-002, attempt 2 did not fire"]
    assert said(plan, [RAISED], markers=once, completed=True) == ["exception at shard-002, attempt 2 did not fire"]
    assert said(plan, [RAISED], markers=once, completed=False) == []


def test_a_fault_behind_another_of_the_same_attempt_is_excused() -> None:
    """An attempt that was killed before its work cannot also die between write and commit."""
    plan = [KILL, Fault("torn_write", "shard-002")]
    assert said(plan, [DIED, RETRIED], markers={Firing(A, 1, "kill")}) == []


def test_a_step_that_another_start_did_needs_no_slowing() -> None:
    """Of two starts at once the second may be first; a start that did the step itself must have been slowed."""
    plan = [Fault("slow", "shard-002")]
    assert said(plan, [attempt(A, 1, 0, 1, invocation=2)], markers=set()) == []
    assert said(plan, [attempt(A, 1, 0, 1)], markers=set()) == ["slow at shard-002, attempt 1 did not fire"]
    assert len(said([KILL], [attempt(A, 1, 0, 1, invocation=2)], markers=set())) == 1


def test_a_failed_run_in_which_nothing_fired_tests_nothing() -> None:
    """An import error fails every run; it says nothing about kills."""
    assert said([KILL], [], markers=set(), completed=False) == ["no fault of the plan fired"]


def test_an_interruption_may_come_before_what_slows_the_run() -> None:
    """A run that was canceled when its first shard was committed has not begun the shard that would have been slow."""
    plan, seen = [Fault("slow", "shard-003")], History((attempt(A, 1, 0, 1),), POLICY)
    assert untested(plan, set(), seen, completed=False) == ["no fault of the plan fired"]
    assert untested(plan, set(), seen, completed=False, interrupted=True) == []


def test_every_kind_of_fault_has_a_sign() -> None:
    """A kind without one would be believed by its marker alone."""
    assert SIGNS.keys() | TWICE == KINDS.keys()
