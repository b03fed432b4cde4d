"""How often, after which waits and for how long work is tried: declared once, translated by each engine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta

from shared.run.errors import TerminalError


def _number_from_environment(name: str, default: float) -> float:
    text = os.environ.get(name, "")
    try:
        number = float(text or default)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise TerminalError(f"{name} is {text!r}; it must be a number from 0")
    return number


@dataclass(frozen=True)
class RetryPolicy:
    """What happens after a failed attempt.

    Attributes:
        max_retries: Attempts after the first; attempts in all are one more.
        first_wait: From the end of the first attempt to the start of the second.
        factor: Each further wait is the one before times this; no jitter, no cap.
        timeout: The longest one attempt may run.
    """

    max_retries: int
    first_wait: timedelta
    factor: float
    timeout: timedelta

    @property
    def max_attempts(self) -> int:
        """Attempts in all, the first included."""
        return self.max_retries + 1

    def waits(self) -> list[timedelta]:
        """The promised waits, one per retry."""
        return [self.first_wait * self.factor**retry for retry in range(self.max_retries)]


# Read at import: engines fix their retries when tasks are declared.
WAIT_SCALE = _number_from_environment("SHARDWISE_WAIT_SCALE", 1.0)
SHARD_TIMEOUT = timedelta(seconds=_number_from_environment("SHARDWISE_SHARD_TIMEOUT", 600.0))

# 3 retries and a first wait of 2 s ride out a restart of a database or a store; 2 + 3 + 4.5 s stay below what a person
# watching a run takes for "stuck".
FIRST_WAIT = timedelta(seconds=_number_from_environment("SHARDWISE_FIRST_WAIT", 2.0))
SHARD_POLICY = RetryPolicy(
    max_retries=int(_number_from_environment("SHARDWISE_MAX_RETRIES", 3)),
    first_wait=FIRST_WAIT * WAIT_SCALE,
    factor=_number_from_environment("SHARDWISE_WAIT_FACTOR", 1.5),
    timeout=SHARD_TIMEOUT,
)

# A retried orchestrator would fan everything out again: running the same run_id again resumes instead.
ORCHESTRATOR_POLICY = RetryPolicy(max_retries=0, first_wait=timedelta(0), factor=1.0, timeout=timedelta(hours=2))
