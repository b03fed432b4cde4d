"""All scenarios, under the policy by default, and the columns on which each of them runs."""

from __future__ import annotations

from flows.compare.scenarios.catalogue import scenarios_for
from flows.compare.scenarios.expectations import expected_on
from flows.registry import COLUMNS, ENGINES
from shared.run.policy import RetryPolicy
from shared.run.settings import Settings

POLICY = RetryPolicy.of(Settings())  # by default
SCENARIOS = scenarios_for(POLICY, 10, ENGINES.values())
RUNS_ON = {
    name: {column.name for column in COLUMNS.values() if expected_on(column, scenario, POLICY)}
    for name, scenario in SCENARIOS.items()
}
