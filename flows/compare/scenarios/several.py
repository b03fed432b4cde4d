"""Scenarios with more than one fault in a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.compare.scenarios.common import FAULTED
from flows.engine.scenario import Kind, Scenario
from shared.faults.plan import Fault
from shared.run.step_names import shard_step

if TYPE_CHECKING:
    from shared.run.policy import RetryPolicy


def several(policy: RetryPolicy, shards: int) -> tuple[Scenario, ...]:
    """Two faults, a fault on the last attempt, one on each shard."""
    before_last = tuple(range(1, policy.max_attempts))
    errors = [Fault("exception", FAULTED, before_last)] if before_last else []
    return (
        Scenario(
            "two_faults",
            "A shard is killed, and another raises an error",
            "Does one recovery disturb another?",
            Kind.SHARD_DIES,
            (Fault("kill", FAULTED), Fault("exception", shard_step(5))),
        ),
        Scenario(
            "kill_on_last_attempt",
            "A shard raises errors, and is killed on its last attempt",
            "Does the run end with an error, and keep the others?",
            Kind.SHARD_DIES,
            (*errors, Fault("kill", FAULTED, (policy.max_attempts,))),
            policy.max_attempts,
            failures=policy.max_attempts,
        ),
        Scenario(
            "every_shard_raises",
            "Every shard raises an error once",
            "Does a run survive a failure that hits all of it?",
            Kind.ERROR,
            tuple(Fault("exception", shard_step(shard)) for shard in range(shards)),
            slow=True,
        ),
    )
