"""What scenarios have in common: the faulted shard and the slow shards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.faults.plan import Fault
from shared.run.step_names import shard_step

if TYPE_CHECKING:
    from shared.run.policy import RetryPolicy

MANY = 100_000  # records: a shard's work takes longer than its start
FAULTED = "shard-002"  # the shard that most plans break
SLOTS = 2  # however many cores: the slow shards must fill them all
SLOW_TAIL = tuple(Fault("slow", shard_step(shard)) for shard in (1, 2, 3))


def all_attempts(policy: RetryPolicy) -> tuple[int, ...]:
    """Every attempt that a step may have."""
    return tuple(range(1, policy.max_attempts + 1))
