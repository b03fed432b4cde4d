"""Waits and attempts that are too short or too long are mismatches, not only late ones."""

from __future__ import annotations

import pytest

from flows.compare.judge.history import History
from flows.compare.judge.timing import Machine, timing_mismatches
from tests.flows.compare.attempts import POLICY, attempt

A = "shard-002"
QUICK = Machine(workers=2, dispatch=0.0, startup=0.0)


def mismatches(wait: float, first: float = 1.0, *, hanging: bool = False, others: int = 0) -> list[str]:
    """What is said of one retry after a wait, and of a first attempt that took so many seconds."""
    ended_by = "watcher" if hanging else "attempt"
    attempts = (
        attempt(A, 1, 0, first, outcome="failed", ended_by=ended_by),
        attempt(A, 2, first + wait, first + wait + 1),
        *(attempt(f"shard-10{n}", 1, first, first + wait + 1) for n in range(others)),
    )
    policy = POLICY.model_copy(update={"timeout_seconds": 100.0}) if others else POLICY
    return timing_mismatches(History(attempts, policy), QUICK, {(A, 1)} if hanging else set())


@pytest.mark.parametrize(
    ("wait", "said"),
    [
        (2.0, []),
        (2.1, []),
        (0.0, [f"retry 1 of {A} came after 0 s, before the declared 2 s"]),
        (1.5, [f"retry 1 of {A} came after 1.5 s, before the declared 2 s"]),
        (9.0, [f"retry 1 of {A} came after 9 s, and the declared wait is 2 s"]),
    ],
)
def test_a_wait_is_neither_too_short_nor_far_too_long(wait: float, said: list[str]) -> None:
    """A wait of 0 s is not kept because it is not late."""
    assert mismatches(wait) == said


@pytest.mark.parametrize(("wait", "early"), [(1.54, False), (0.0, True)])
def test_a_watcher_writes_a_death_down_a_moment_late(wait: float, *, early: bool) -> None:
    """The wait has begun by then: half a second less is none of the engine's, no wait at all is."""
    died = attempt(A, 1, 0, 1, outcome="died", ended_by="watcher")
    seen = History((died, attempt(A, 2, 1 + wait, 3 + wait)), POLICY)
    assert bool(timing_mismatches(seen, QUICK, set())) is early


def test_a_retry_that_comes_as_soon_as_the_death_could_be_known_is_early() -> None:
    """Declared are 2 s: however late the death was written down, it was not before the attempt began."""
    died = attempt(A, 1, 0, 0.3, outcome="died", ended_by="watcher")
    seen = History((died, attempt(A, 2, 1.2, 3)), POLICY)
    assert timing_mismatches(seen, QUICK, set()) == [
        f"retry 1 of {A} came 1.2 s after the attempt before it had begun, before the declared 2 s"
    ]


def test_lateness_is_judged_by_the_declared_wait_and_the_machine() -> None:
    """Three seconds in place of a tenth are late, and not where the same run's other steps were as slow."""
    hasty = POLICY.model_copy(update={"waits_seconds": (0.1, 0.1, 0.1)})
    seen = History((attempt(A, 1, 0, 1, outcome="failed"), attempt(A, 2, 4, 5)), hasty)
    assert timing_mismatches(seen, QUICK, set()) == [f"retry 1 of {A} came after 3 s, and the declared wait is 0.1 s"]
    assert timing_mismatches(seen, Machine(2, dispatch=1.0, startup=0.0), set()) == []


def test_a_retry_that_queues_is_not_late() -> None:
    """Where others had all slots when it was due, the wait says nothing about the policy."""
    assert mismatches(9.0, others=2) == []
    assert mismatches(9.0, others=1) != []


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (2.1, []),
        (25.0, [f"{A} #1 took 25.0 s, and an attempt may take 2 s"]),
        (0.4, [f"{A} #1 hangs and was ended after 0.4 s, before the timeout of 2 s"]),
    ],
)
def test_a_timeout_comes_when_it_is_declared(seconds: float, said: list[str]) -> None:
    """A timeout of 2 s that comes after 25 s, or after a blink, is a mismatch."""
    assert mismatches(2.0, seconds, hanging=True) == said


def test_an_attempt_that_was_cut_off_with_its_run_is_not_too_long() -> None:
    """The deadline of the comparison ended it, which the verdict says."""
    seen = History((attempt(A, 1, 0, 30, outcome="", ended_by="process"),), POLICY)
    assert timing_mismatches(seen, QUICK, {(A, 1)}) == []


def test_a_step_that_is_run_again_at_once_is_no_retry_of_the_policy() -> None:
    """Where a column reruns what dies, the time until then is not judged; after an error that was raised, it is."""
    died, failed = (attempt(A, 1, 0, 1, outcome="failed", ended_by=by) for by in ("engine", "attempt"))
    waits = [len(History((first, attempt(A, 2, 1.1, 2)), POLICY, reruns=True).waits) for first in (died, failed)]
    assert waits == [0, 1]
