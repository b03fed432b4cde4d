"""The expected result of a column in a scenario: the policy's promise, unless the column is known to differ."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from flows.engine.scenario import Expected, Kind
from flows.engine.verdicts import Verdict

if TYPE_CHECKING:
    from flows.engine.column import Column
    from flows.engine.scenario import Scenario
    from shared.run.policy import RetryPolicy

_SAME_EVERYWHERE = {
    Kind.NOTHING: Verdict.UNAFFECTED,
    Kind.TERMINAL: Verdict.FAILED,
    Kind.CANCELED: Verdict.FAILED,
    Kind.TWO_ATTEMPTS: Verdict.OURS,  # no engine prevents two attempts, or resumes: atomic commits and manifests do
    Kind.STARTED_AGAIN: Verdict.OURS,
}


def expected_on(column: Column, scenario: Scenario, policy: RetryPolicy) -> Expected | None:
    """Return the expected result of a column in a scenario; None if the scenario does not run on it.

    Args:
        column: The column.
        scenario: The scenario.
        policy: The policy of the steps.
    """
    kind = scenario.expects
    if not isinstance(kind, Kind):
        return kind.get(column.name)
    if column.remote and scenario.reaches_in:
        return None
    if known := column.known.get(kind):
        return replace(known, attempts=scenario.failures)
    return Expected(_promised(column, kind, scenario.failures, policy))


def _promised(column: Column, kind: Kind, failures: int, policy: RetryPolicy) -> Verdict:
    """What follows from the policy."""
    if verdict := _SAME_EVERYWHERE.get(kind):
        return verdict
    if failures > policy.max_retries:
        return Verdict.FAILED
    by_engine = column.product if kind in {Kind.ERROR, Kind.RUN_DIES} else not column.ours
    return Verdict.ENGINE if by_engine and not column.stand_in else Verdict.OURS
