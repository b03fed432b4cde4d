"""How long an attempt and a run may take in a cell: a multiple of the time without faults."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flows.compare.options import LimitOptions
    from flows.engine.scenario import Scenario
    from shared.run.attempts import Attempt
    from shared.run.policy import RetryPolicy

SHORTEST_TIMEOUT = 4.0  # seconds: the start of a process on a busy machine takes one
MARGIN = 3  # times as long as without faults: cells run two at a time
RUNS = 5  # times as long as a run without faults, with what a retry repeats
GRACE = 60.0  # seconds beyond that which a run may take to recover
SHORT_GRACE = 10.0  # the same where only a timeout can save it
SILENCE = 5.0  # seconds between two attempts of a run that still works


@dataclass(frozen=True)
class Took:
    """How long a run without faults took on a column, in seconds: its longest step, and in total."""

    step: float
    run: float

    @classmethod
    def of(cls, attempts: Iterable[Attempt], run: float) -> Took:
        """The attempts of such a run."""
        return cls(max((attempt.seconds or 0.0 for attempt in attempts), default=0.0), run)


@dataclass(frozen=True)
class Limits:
    """The limits of a cell in seconds.

    Attributes:
        timeout: The timeout of one attempt.
        deadline: The deadline of one start of the run, from its first attempt.
        patience: The time after the last sign of life until a run counts as no longer working.
    """

    timeout: float
    deadline: float
    patience: float

    @classmethod
    def of(cls, scenario: Scenario, policy: RetryPolicy, took: Took, options: LimitOptions) -> Limits:
        """Derive limits from a run without faults; the user's options override them.

        Args:
            scenario: The scenario; if one of its attempts hangs, it gets a short timeout.
            policy: The policy of the steps.
            took: The duration without faults on the column.
            options: The user's options.
        """
        whole, waits = policy.timeout.total_seconds(), [wait.total_seconds() for wait in policy.waits()]
        derived = max(SHORTEST_TIMEOUT, math.ceil(2 + MARGIN * took.step))
        timeout = min(whole, options.hang_timeout or derived) if scenario.short_timeout else whole
        grace = timeout + SHORT_GRACE if scenario.short_timeout else GRACE
        deadline = options.deadline or scenario.deadline or grace + RUNS * took.run
        return cls(timeout, deadline + sum(waits), SILENCE + MARGIN * took.step + max(waits, default=0.0))
