"""Attempts as intervals: overlaps across invocations, ends nobody recorded, waits by the right clock."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from flows.compare.judge.history import History
from flows.compare.observe.ends import Ends
from flows.engine.record import Record
from tests.flows.compare.attempts import POLICY, at, attempt

if TYPE_CHECKING:
    from shared.run.attempts import Attempt

A = "shard-003"


def history(*attempts: Attempt, records: list[Record] | None = None, ended: dict[int, float] | None = None) -> History:
    """The history of some attempts; ``ended`` in seconds."""
    moments = {invocation: at(seconds) for invocation, seconds in (ended or {}).items()}
    return History(Ends(records or [], moments).of(attempts), POLICY)


def overlaps(found: History) -> list[tuple[str, str]]:
    """The pairs by name."""
    return [(first.name, second.name) for first, second in found.overlaps]


def test_attempts_of_two_invocations_at_once_are_seen() -> None:
    """An orphan of the first start that still works when the second one begins the same shard is an overlap."""
    seen = history(attempt(A, 1, 0, 5), attempt(A, 1, 4, 6, invocation=2))
    assert overlaps(seen) == [("shard-003 #1", "shard-003 #1 of invocation 2")]


def test_a_claim_without_an_end_is_still_running() -> None:
    """A later attempt at the step counts as running at the same time."""
    seen = history(attempt(A, 1, 0, None), attempt(A, 1, 9, 10, invocation=2))
    assert overlaps(seen) == [("shard-003 #1", "shard-003 #1 of invocation 2")]


def test_a_claim_ends_with_the_processes_that_could_run_it() -> None:
    """Where all of a start's processes are known to be dead before the next start, nothing ran at once."""
    seen = history(attempt(A, 1, 0, None), attempt(A, 1, 9, 10, invocation=2), ended={1: 8, 2: 11})
    assert overlaps(seen) == []
    assert [(each.seconds, each.end.by, each.died) for each in seen.attempts[:1] if each.end] == [
        (8.0, "process", True)
    ]


def test_the_engine_is_believed_where_nobody_else_saw_the_end() -> None:
    """A killed attempt ends when the engine's record says; its own end, where there is one, wins."""
    record = Record("completed", ends={A: [at(1), at(9)]}, host="here")
    seen = history(attempt(A, 1, 0, None), attempt(A, 2, 3, 4), records=[record])
    assert [(each.end.by, each.seconds) for each in seen.attempts if each.end] == [("engine", 1.0), ("attempt", 1.0)]
    assert [(wait.observed_seconds, wait.end_by, wait.clock) for wait in seen.waits] == [(2.0, "engine", "wall")]


@pytest.mark.parametrize(("host", "observed", "clock"), [("here", 2.5, "monotonic"), ("there", 100.0, "different")])
def test_waits_are_measured_on_one_clock_where_there_is_one(host: str, observed: float, clock: str) -> None:
    """A wall clock that jumps between two attempts of one machine changes nothing; between two it is all there is."""
    first, second = attempt(A, 1, 0, 1, outcome="failed"), attempt(A, 2, 3.5, 4, host=host)
    jumped = replace(second, begin=replace(second.begin, at=at(101)), end=None)
    (wait,) = history(first, jumped).waits
    assert (wait.observed_seconds, wait.clock) == (observed, clock)


def test_what_was_committed_before_a_start_and_done_again_is_named() -> None:
    """Steps that were committed while the second start already ran are not."""
    seen = history(
        attempt("shard-000", 1, 0, 1),
        attempt("shard-001", 1, 0, 6),
        attempt("shard-000", 1, 5, 6, invocation=2, outcome="already_committed"),
        attempt("shard-001", 1, 5, 7, invocation=2, outcome="already_committed"),
    )
    assert seen.reprocessed == ["shard-000"]


def test_a_process_that_was_killed_runs_nothing_any_more() -> None:
    """Its attempts ended when it was surely dead; those of other processes are still running."""
    orphan, other = attempt(A, 1, 0, None), replace(attempt("shard-004", 1, 0, None), pid=7)
    later = [attempt(A, 1, 9, 10, invocation=2), attempt("shard-004", 1, 9, 10, invocation=2)]
    seen = History(Ends([], dead={orphan.pid: at(8)}).of([orphan, other, *later]), POLICY)
    assert overlaps(seen) == [("shard-004 #1", "shard-004 #1 of invocation 2")]
