"""Timeouts and deadlines follow from a run without faults on the same column."""

from __future__ import annotations

import pytest

from flows.compare.observe.limits import Limits, Took
from flows.compare.options import LimitOptions, Options
from tests.flows.compare.known import POLICY, SCENARIOS

WAITS = sum(wait.total_seconds() for wait in POLICY.waits())
HANG, RAISE = SCENARIOS["hang_once"], SCENARIOS["every_shard_raises"]


@pytest.mark.parametrize(("step", "timeout"), [(0.1, 4), (1.0, 5), (6.0, 20)])
def test_a_shard_that_takes_long_has_time(step: float, timeout: float) -> None:
    """Version 0.2 killed a healthy shard of 6 s after 4 s."""
    assert Limits.of(HANG, POLICY, Took(step, 10 * step), LimitOptions()).timeout == timeout


def test_a_job_that_takes_long_has_time() -> None:
    """Version 0.2 called a job of 95 s stuck after 90 s."""
    assert Limits.of(RAISE, POLICY, Took(20, 95), LimitOptions()).deadline == 60 + 5 * 95 + WAITS


def test_the_policys_timeout_is_never_made_longer() -> None:
    """A scenario shortens it, or leaves it."""
    assert Limits.of(RAISE, POLICY, Took(1, 2), LimitOptions()).timeout == POLICY.timeout.total_seconds()
    assert Limits.of(HANG, POLICY, Took(10_000, 2), LimitOptions()).timeout == POLICY.timeout.total_seconds()


def test_what_a_person_chose_wins() -> None:
    """Both have an option."""
    chosen = LimitOptions(hang_timeout=7, deadline=33)
    found = Limits.of(HANG, POLICY, Took(1, 2), chosen)
    assert (found.timeout, found.deadline) == (7, 33 + WAITS)
    assert Options(limits=chosen).to_arguments() == " --hang-timeout 7 --deadline 33"
