"""The retry policy: how often and for how long steps are tried, and with which waits. Each engine translates it."""

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
        max_retries: Retries after the first attempt; the number of attempts is one more.
        first_wait: The wait from the end of the first attempt to the start of the second.
        factor: Each further wait is the wait before times this factor, without jitter and without a limit.
        timeout: The maximum duration of one attempt.
    """

    max_retries: int
    first_wait: timedelta
    factor: float
    timeout: timedelta

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the policy of a pipeline's steps.

        The default is 3 retries with a first wait of 2 s. 2 + 3 + 4.5 s are long enough for a restart of a database or
        a store, and short enough for a person who watches the run.
        """
        return cls(
            max_retries=settings.max_retries,
            first_wait=timedelta(seconds=settings.first_wait * settings.wait_scale),
            factor=settings.wait_factor,
            timeout=timedelta(seconds=settings.shard_timeout),
        )

    @property
    def max_attempts(self) -> int:
        """The number of attempts, the first one included."""
        return self.max_retries + 1

    def waits(self) -> list[timedelta]:
        """The waits, one per retry."""
        return [self.first_wait * self.factor**retry for retry in range(self.max_retries)]


RUN_TIMEOUT = timedelta(hours=2)  # of a whole run


@dataclass(frozen=True)
class _Testing:
    """The values that a block of ``set_testing`` sets; None keeps the current value."""

    attempts: int | None
    timeout: timedelta | None

    def applied_to(self, policy: RetryPolicy) -> RetryPolicy:
        retries = policy.max_retries if self.attempts is None else self.attempts - 1
        return replace(policy, max_retries=retries, first_wait=timedelta(0), timeout=self.timeout or policy.timeout)


_testing: list[_Testing] = []  # the active blocks of this process; the innermost counts


def shard_policy() -> RetryPolicy:
    """Return the policy of the steps from the current settings of this process.

    Raises:
        TerminalError: A variable is invalid; the message names it.
    """
    policy = RetryPolicy.of(Settings.read())
    return _testing[-1].applied_to(policy) if _testing else policy


def run_policy() -> RetryPolicy:
    """Return the policy of a whole run: no retries by default, because its steps have them; a retry resumes it."""
    settings = Settings.read()
    return replace(RetryPolicy.of(settings), max_retries=settings.run_retries, timeout=RUN_TIMEOUT)


@contextmanager
def set_testing(*, attempts: int | None = None, timeout: timedelta | None = None) -> Iterator[None]:
    """For tests of a pipeline: retries in this process do not wait while the block runs.

    Args:
        attempts: The number of attempts at each step; None keeps it.
        timeout: The timeout of an attempt; None keeps it.
    """
    _testing.append(_Testing(attempts, timeout))
    try:
        yield
    finally:
        _testing.pop()
