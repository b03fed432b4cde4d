"""What the declared policy means on each engine that a reader of it would not expect."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.run.policy import RetryPolicy

RENDER_TIMEOUTS = timedelta(seconds=30), timedelta(days=1)  # documented bounds of the platform
MILLISECOND, SECOND = timedelta(milliseconds=1), timedelta(seconds=1)


@dataclass(frozen=True)
class Hint:
    """One thing to know.

    Attributes:
        engine: ``prefect``, ``render`` or ``all``.
        level: ``warning`` where the policy should be changed, ``note`` where it should be known.
        rule: Its short name.
        message: The sentence.
    """

    engine: str
    level: str
    rule: str
    message: str

    def to_json(self) -> dict[str, str]:
        """As compare.json has it."""
        return asdict(self)


def lint(shard: RetryPolicy, orchestrator: RetryPolicy) -> list[Hint]:
    """Check the two policies of a run.

    Args:
        shard: Of a step: the staging, or a shard.
        orchestrator: Of the whole run.
    """
    return [*_of_both(shard, orchestrator), *_of_render(shard), *_of_prefect(shard)]


def _of_both(shard: RetryPolicy, orchestrator: RetryPolicy) -> Iterator[Hint]:
    longest = longest_step(shard)
    if 2 * longest > orchestrator.timeout:
        message = (
            f"a staging and a shard that use all their attempts and timeouts take {_s(2 * longest)}, "
            f"longer than the {_s(orchestrator.timeout)} of the whole run"
        )
        yield Hint("all", "warning", "worst-case", message)
    if orchestrator.max_retries:
        most = orchestrator.max_attempts * shard.max_attempts
        message = f"the run is retried as well as its shards: one bad shard is tried up to {most} times"
        yield Hint("all", "warning", "amplification", message)
    if shard.max_retries:
        message = "waits have no jitter: shards that fail together, as when a store is away, come back together"
        yield Hint("all", "note", "no-jitter", message)


def _of_render(shard: RetryPolicy) -> Iterator[Hint]:
    shortest, longest = RENDER_TIMEOUTS
    if not shortest <= shard.timeout <= longest:
        message = f"a timeout of {_s(shard.timeout)} works on local servers only: the cloud takes 30 s to 24 h"
        yield Hint("render", "warning", "timeout-bounds", message)
    if shard.timeout % SECOND:
        message = f"timeouts are whole seconds there: {_s(shard.timeout)} is rounded up"
        yield Hint("render", "note", "timeout-rounded", message)
    if shard.first_wait % MILLISECOND:
        message = f"the first wait of {_s(shard.first_wait)} is rounded to milliseconds, and later waits follow from it"
        yield Hint("render", "note", "wait-rounded", message)
    if shard.max_retries:
        lost = sum(shard.waits(), timedelta())
        message = (
            f"no error can ask not to be retried: bad input costs {shard.max_attempts} attempts and {_s(lost)} of waits"
        )
        yield Hint("render", "note", "terminal-retried", message)


def _of_prefect(shard: RetryPolicy) -> Iterator[Hint]:
    message = (
        f"the timeout of {_s(shard.timeout)} is kept by isolation only: Prefect cannot stop a thread that blocks, so "
        "with SHARDWISE_ISOLATION=none there is none"
    )
    yield Hint("prefect", "note", "timeout-needs-isolation", message)
    if shard.max_retries:
        message = (
            "retries are made by the flow's own process: when that is killed, none comes until the run is started again"
        )
        yield Hint("prefect", "note", "retries-die-with-the-flow", message)


def longest_step(policy: RetryPolicy) -> timedelta:
    """All attempts of a step up to their timeout, and the waits between them."""
    return policy.timeout * policy.max_attempts + sum(policy.waits(), timedelta())


def _s(time: timedelta) -> str:
    return f"{time.total_seconds():g} s"
