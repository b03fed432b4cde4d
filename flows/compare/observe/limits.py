"""How long an attempt and a run may take in a cell: several times as long as they took where nothing broke."""

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
    """What a run without faults took on a column, in seconds: its longest step, and all of it."""

    step: float
    run: float

    @classmethod
    def of(cls, attempts: Iterable[Attempt], run: float) -> Took:
        """The attempts of such a run."""
        return cls(max((attempt.seconds or 0.0 for attempt in attempts), default=0.0), run)


@dataclass(frozen=True)
class Limits:
    """What a cell is given, in seconds.

    Attributes:
        timeout: Of one attempt.
        deadline: Of one start of the run, from its first attempt.
        patience: Since its last sign of life until a run no longer works.
    """

    timeout: float
    deadline: float
    patience: float

    @classmethod
    def of(cls, scenario: Scenario, policy: RetryPolicy, took: Took, options: LimitOptions) -> Limits:
        """What follows from a run without faults; what a person chose wins.

        Args:
            scenario: Which one of its attempts may hang in, and then only a short timeout ends it.
            policy: Of the steps.
            took: On the column.
            options: The person's.
        """
        whole, waits = policy.timeout.total_seconds(), [wait.total_seconds() for wait in policy.waits()]
        derived = max(SHORTEST_TIMEOUT, math.ceil(2 + MARGIN * took.step))
        timeout = min(whole, options.hang_timeout or derived) if scenario.short_timeout else whole
        grace = timeout + SHORT_GRACE if scenario.short_timeout else GRACE
        deadline = options.deadline or scenario.deadline or grace + RUNS * took.run
        return cls(timeout, deadline + sum(waits), SILENCE + MARGIN * took.step + max(waits, default=0.0))
