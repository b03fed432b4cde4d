"""Checks what a policy means on every engine and on single engines, and reports what is unexpected."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from flows.engine.facts import Hint

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flows.engine.engine import Engine
    from shared.run.policy import RetryPolicy


def lint(engines: Iterable[Engine], shard: RetryPolicy, orchestrator: RetryPolicy) -> list[Hint]:
    """Check the policies of the steps and of the whole run.

    Args:
        engines: Engines with their own rules.
        shard: The policy of a step: the staging or a shard.
        orchestrator: The policy of the whole run.
    """
    own = (hint for engine in engines for hint in engine.hints(shard, orchestrator))
    return [*_of_all(shard, orchestrator), *own]


def _of_all(shard: RetryPolicy, orchestrator: RetryPolicy) -> Iterator[Hint]:
    longest = longest_step(shard)
    if 2 * longest > orchestrator.timeout:
        message = (
            f"a staging and a shard that use all their attempts and timeouts take {seconds(2 * longest)}, "
            f"longer than the {seconds(orchestrator.timeout)} of the whole run"
        )
        yield Hint("all", "warning", "worst-case", message)
    if orchestrator.max_retries:
        most = orchestrator.max_attempts * shard.max_attempts
        message = f"the run is retried as well as its shards: one bad shard is tried up to {most} times"
        yield Hint("all", "warning", "amplification", message)
    if shard.max_retries:
        message = "waits have no jitter: shards that fail together, as when a store is unavailable, retry together"
        yield Hint("all", "note", "no-jitter", message)


def longest_step(policy: RetryPolicy) -> timedelta:
    """Return the longest duration of a step: all its attempts up to the timeout, and the waits between them."""
    return policy.timeout * policy.max_attempts + sum(policy.waits(), timedelta())


def seconds(time: timedelta) -> str:
    """Format a duration like ``2.5 s``."""
    return f"{time.total_seconds():g} s"
