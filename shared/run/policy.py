"""How often, after which waits and for how long work is tried: declared once, translated by each engine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from shared.run.settings import Settings


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
_SETTINGS = Settings.read()

# 3 retries and a first wait of 2 s ride out a restart of a database or a store; 2 + 3 + 4.5 s stay below what a person
# watching a run takes for "stuck".
FIRST_WAIT = timedelta(seconds=_SETTINGS.first_wait)
SHARD_POLICY = RetryPolicy(
    max_retries=_SETTINGS.max_retries,
    first_wait=FIRST_WAIT * _SETTINGS.wait_scale,
    factor=_SETTINGS.wait_factor,
    timeout=timedelta(seconds=_SETTINGS.shard_timeout),
)

# A retried orchestrator would fan everything out again: running the same run_id again resumes instead.
ORCHESTRATOR_POLICY = RetryPolicy(max_retries=0, first_wait=timedelta(0), factor=1.0, timeout=timedelta(hours=2))
