"""What the policy's lint says, and of which policies it is silent."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from flows.engine.lint import lint, longest_step
from flows.registry import ENGINES
from shared.run.policy import RetryPolicy, run_policy, shard_policy

SOUND = RetryPolicy(3, timedelta(seconds=2), 1.5, timedelta(minutes=10))
ONCE = RetryPolicy(0, timedelta(0), 1.0, timedelta(hours=2))


def rules(shard: RetryPolicy, orchestrator: RetryPolicy = ONCE, level: str = "warning") -> list[str]:
    """The rules of one level that apply."""
    return [hint.rule for hint in lint(ENGINES.values(), shard, orchestrator) if hint.level == level]


def test_our_own_policy_has_no_warning() -> None:
    """The policy that ships is sound on every engine."""
    assert rules(shard_policy(), run_policy()) == []


@pytest.mark.parametrize("seconds", [2, 29, 86_401])
def test_timeouts_that_the_cloud_refuses(seconds: int) -> None:
    """Below 30 s and above a day a timeout works on local servers only."""
    assert "timeout-bounds" in rules(replace(SOUND, timeout=timedelta(seconds=seconds)))


def test_a_step_that_outlasts_its_run() -> None:
    """All attempts and waits of a staging and a shard must fit into the run's own timeout."""
    assert longest_step(SOUND) == timedelta(minutes=40, seconds=9.5)
    assert rules(SOUND, replace(ONCE, timeout=timedelta(minutes=81))) == []
    assert rules(SOUND, replace(ONCE, timeout=timedelta(minutes=80))) == ["worst-case"]


def test_retries_of_the_run_multiply_those_of_a_shard() -> None:
    """A retried run tries one bad shard attempts times attempts."""
    (hint,) = (
        hint for hint in lint(ENGINES.values(), SOUND, replace(ONCE, max_retries=2)) if hint.rule == "amplification"
    )
    assert "up to 12 times" in hint.message


def test_what_render_rounds() -> None:
    """Whole seconds and milliseconds pass, anything finer is named."""
    odd = replace(SOUND, first_wait=timedelta(microseconds=1_500), timeout=timedelta(seconds=30.5))
    assert {"timeout-rounded", "wait-rounded"} <= set(rules(odd, level="note"))
    assert not {"timeout-rounded", "wait-rounded"} & set(rules(SOUND, level="note"))


def test_without_retries_there_is_less_to_know() -> None:
    """A policy that never retries has no waits, so nothing is said of them."""
    told = rules(replace(SOUND, max_retries=0), level="note")
    assert not {"no-jitter", "terminal-retried", "retries-die-with-the-flow"} & set(told)
