"""Describes a comparison: where it was made, with which data, and what engines say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

from flows.compare.record.comparison import Column as ColumnRecord
from flows.compare.record.comparison import Comparison, PipelineName, Product, Reference
from flows.compare.record.comparison import Scenario as ScenarioRecord
from flows.compare.record.observed import Policy
from flows.compare.scenarios.expectations import expected_on
from flows.engine.lint import lint
from flows.engine.observed_on import machine
from shared.run.policy import run_policy

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from flows.compare.observe.context import ComparisonContext
    from flows.compare.record.observed import Cell
    from flows.engine.column import Column
    from flows.engine.engine import Engine
    from flows.engine.scenario import Scenario
    from shared.run.policy import RetryPolicy

DISTRIBUTIONS = ("shardwise", "duckdb", "pandas", "pyarrow")  # and those of the engines


def described(
    context: ComparisonContext,
    engines: Collection[Engine],
    scenarios: list[Scenario],
    columns: list[Column],
    cells: list[Cell],
) -> Comparison:
    """Return a comparison without conclusions.

    Args:
        context: What all cells share.
        engines: All known engines.
        scenarios: All requested scenarios.
        columns: All requested columns.
        cells: The cells that could be observed.
    """
    reference = context.reference
    result, pipeline = reference.run.result() or {}, reference.run.pipeline
    seen = {cell.scenario for cell in cells}
    tried = [scenario for scenario in scenarios if scenario.name in seen]
    return Comparison(
        made_at=datetime.now(UTC).replace(microsecond=0),
        machine=machine(),
        versions=_versions(engines),
        shards=context.job.num_shards,
        workers=context.workers,
        wait_scale=context.options.retry.wait_scale,
        declared=Policy.of(context.policy),
        pipeline=PipelineName(
            name=pipeline.name,
            version=pipeline.version,
            reference=context.job.pipeline,
            verifies=pipeline.verify is not None,
        ),
        reference=Reference(
            digest=result["digest"],
            varying=tuple(sorted(map(str, reference.varying))),
            bytes_vary=reference.bytes_vary,
        ),
        products={engine.name: described_product(engine) for engine in engines if engine.orchestrator},
        columns={column.name: _column(column, cells, context.session.absent) for column in columns},
        scenarios={each.name: described_scenario(each, columns, context.policy) for each in tried},
        cells=tuple(cells),
        hints=tuple(lint(engines, _in_production(context), run_policy())),
        limits=tuple(engine.limits for engine in engines if engine.limits),
    )


def described_scenario(scenario: Scenario, columns: Iterable[Column], policy: RetryPolicy) -> ScenarioRecord:
    """Return everything that a report shows about a scenario."""
    expected = {column.name: found for column in columns if (found := expected_on(column, scenario, policy))}
    return ScenarioRecord(
        title=scenario.title,
        purpose=scenario.purpose,
        plan=scenario.plan,
        interruption=scenario.interruption,
        run_again=scenario.run_again,
        without_staging=scenario.without_staging,
        promised_attempts=scenario.attempts,
        short_timeout=scenario.short_timeout,
        generated=scenario.generated,
        shards=scenario.shards,
        expected=expected,
    )


def described_column(column: Column) -> ColumnRecord:
    """Return a column, wherever it was observed."""
    return ColumnRecord(
        title=column.title,
        product=column.product,
        stand_in=column.stand_in,
        reruns=column.reruns,
        slots=column.slots,
        ours=column.ours,
    )


def _column(column: Column, cells: list[Cell], unobserved: dict[str, str]) -> ColumnRecord:
    """Return a column with where its cells were observed, or why they were not."""
    own = [cell.observed_on for cell in cells if cell.column == column.name]
    reason = unobserved.get(column.name, "")
    observed = {"observed_on": own[-1], "observed_until": reason} if own else {"not_observed": reason}
    return described_column(column).model_copy(update=observed)


def described_product(engine: Engine) -> Product:
    """Return an engine's facts."""
    paid = {price.paid for price in engine.prices}
    return Product(title=engine.title, paid=paid.pop() if len(paid) == 1 else "", promises=engine.promises)


def _versions(engines: Collection[Engine]) -> dict[str, str]:
    own = (name for engine in engines for name in engine.distributions)
    return {name: version(name) for name in (*DISTRIBUTIONS, *own)}


def _in_production(context: ComparisonContext) -> RetryPolicy:
    """Return the policy with unscaled waits."""
    return replace(context.options.retry, wait_scale=1.0).policy()
