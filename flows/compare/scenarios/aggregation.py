"""Faults in the aggregation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.engine.scenario import Kind, Scenario
from shared.faults.plan import Fault
from shared.run.step_names import AGGREGATE

if TYPE_CHECKING:
    from shared.run.policy import RetryPolicy


def aggregation(policy: RetryPolicy) -> tuple[Scenario, ...]:
    """An error, a death, an unavailable store."""
    once = min(2, policy.max_attempts)
    return (
        Scenario(
            "raise_while_aggregating",
            "The aggregation raises a transient error",
            "Is the last step retried like the others?",
            Kind.ERROR,
            (Fault("exception", AGGREGATE),),
            once,
            slow=True,
        ),
        Scenario(
            "kill_while_aggregating",
            "kill -9 of the aggregation's process before its result counts",
            "Can half a result be read?",
            Kind.STEP_DIES,
            (Fault("torn_write", AGGREGATE),),
            once,
        ),
        Scenario(
            "store_away_while_aggregating",
            "The store is unavailable for a moment when the result is published",
            "Is a result that could not be published published later?",
            Kind.ERROR,
            (Fault("store_away", AGGREGATE),),
            once,
            slow=True,
        ),
        Scenario(
            "crash_after_result",
            "kill -9 of the aggregation's process when the result is published and not reported",
            "Does a run whose result is published count as unfinished?",
            Kind.STEP_DIES,
            (Fault("crash_after_commit", AGGREGATE),),
            once,
            slow=True,
        ),
        Scenario(
            "two_aggregations",
            "Another process aggregates at the same time, and publishes first",
            "Can a run be counted twice?",
            Kind.TWO_ATTEMPTS,
            (Fault("duplicate_attempt", AGGREGATE),),
            2,
            slow=True,
        ),
    )
