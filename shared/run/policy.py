"""How often, after which waits and for how long work is tried: one value, which each engine translates."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Self

from shared.run.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator


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

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The policy of a pipeline's steps.

        By default 3 retries and a first wait of 2 s, to outlast a restart of a database or a store; 2 + 3 + 4.5 s stay
        below what a person who watches a run takes for "stuck".
        """
        return cls(
            max_retries=settings.max_retries,
            first_wait=timedelta(seconds=settings.first_wait * settings.wait_scale),
            factor=settings.wait_factor,
            timeout=timedelta(seconds=settings.shard_timeout),
        )

    @property
    def max_attempts(self) -> int:
        """Attempts in all, the first included."""
        return self.max_retries + 1

    def waits(self) -> list[timedelta]:
        """The promised waits, one per retry."""
        return [self.first_wait * self.factor**retry for retry in range(self.max_retries)]


RUN_TIMEOUT = timedelta(hours=2)  # of a whole run


@dataclass(frozen=True)
class _Testing:
    """What a block of ``set_testing`` asks for; None leaves what there is."""

    attempts: int | None
    timeout: timedelta | None

    def applied_to(self, policy: RetryPolicy) -> RetryPolicy:
        retries = policy.max_retries if self.attempts is None else self.attempts - 1
        return replace(policy, max_retries=retries, first_wait=timedelta(0), timeout=self.timeout or policy.timeout)


_testing: list[_Testing] = []  # the blocks that this process is in; the inner one counts


def shard_policy() -> RetryPolicy:
    """The policy of the steps as the settings of this process have it now.

    Raises:
        TerminalError: Naming a variable that cannot be used.
    """
    policy = RetryPolicy.of(Settings.read())
    return _testing[-1].applied_to(policy) if _testing else policy


def run_policy() -> RetryPolicy:
    """The policy of a whole run: by default it is not retried, since its steps are; a retry resumes it."""
    settings = Settings.read()
    return replace(RetryPolicy.of(settings), max_retries=settings.run_retries, timeout=RUN_TIMEOUT)


@contextmanager
def set_testing(*, attempts: int | None = None, timeout: timedelta | None = None) -> Iterator[None]:
    """For tests of a pipeline: retries in this process wait for nothing while the block runs.

    Args:
        attempts: Attempts in all at each step; None leaves as many as there are.
        timeout: Of an attempt; None leaves it.
    """
    _testing.append(_Testing(attempts, timeout))
    try:
        yield
    finally:
        _testing.pop()
