"""What compare.json holds: where it was made, every cell with its evidence, and what follows from all of them."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from flows.compare.report.conclusions.answer import answer_of
from flows.compare.report.conclusions.costs import costs_of
from flows.compare.report.conclusions.delays import delays_of
from flows.compare.report.conclusions.evidence import Evidence
from flows.compare.report.conclusions.notices import notices_of
from flows.compare.report.conclusions.promises import contradictions
from flows.compare.report.conclusions.recommendations import recommendations_of
from flows.compare.report.conclusions.resume import amplification_of, resumes_of
from flows.compare.report.conclusions.scheduling import scheduling_of
from flows.compare.report.conclusions.slots import slots_of
from flows.compare.scenarios.expectations import expected_on
from flows.engine.lint import lint
from flows.engine.observed_on import machine
from flows.on_render.columns.limits import cloud_rows
from shared.run.policy import ORCHESTRATOR_POLICY

if TYPE_CHECKING:
    from collections.abc import Collection

    from flows.compare.observe.cells import Cell
    from flows.compare.observe.context import ComparisonContext
    from flows.engine.column import Column
    from flows.engine.engine import Engine
    from flows.engine.pricing import Price
    from flows.engine.scenario import Scenario
    from shared.run.policy import RetryPolicy

Json = dict[str, Any]

SCHEMA = 2  # of compare.json, described in compare.schema.json; raised when a reader of the old one would fail
DISTRIBUTIONS = ("shardwise", "duckdb", "pandas", "pyarrow")  # and those of the engines


def content_of(
    context: ComparisonContext, engines: Collection[Engine], columns: list[Column], cells: list[Cell]
) -> Json:
    """What was observed; ``conclude`` adds what follows from it.

    Args:
        context: What all cells share.
        engines: All that are known.
        columns: All that were asked for.
        cells: Of those that could be observed.
    """
    result, pipeline = context.reference.result() or {}, context.reference.pipeline
    return {
        "schema": SCHEMA,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": _versions(engines),
        "shards": context.job.num_shards,
        "workers": context.workers,
        "wait_scale": context.options.wait_scale,
        "declared": _declared(context),
        "pipeline": {"name": pipeline.name, "version": pipeline.version, "reference": context.job.pipeline},
        "reference": {"digest": result["digest"], "varying": sorted(context.varying)},
        "columns": {column.name: _column(column, cells, context.session.absent) for column in columns},
        "scenarios": {cell.scenario.name: _scenario(cell.scenario, columns, context.policy) for cell in cells},
        "cells": [cell.to_json() for cell in cells],
        "lint": [asdict(hint) for hint in lint(engines, _in_production(context), ORCHESTRATOR_POLICY)],
    }


def conclude(content: Json, prices: list[Price]) -> Json:
    """The content with all that follows from its cells; an empty list where none of them bears on it."""
    cells, columns = content["cells"], content["columns"]
    made = date.fromisoformat(content["made_at"][:10])
    slots, cost = slots_of(cells), costs_of(cells, columns, prices, made)
    concluded = content | {
        "recommendations": recommendations_of(Evidence(cells, columns), slots, cost),
        "contradictions": list(contradictions(cells, columns)),
        "delays": delays_of(cells),
        "scheduling": scheduling_of(cells),
        "slots": slots,
        "amplification": amplification_of(cells),
        "resume": resumes_of(cells),
        "notices": notices_of(cells, content["scenarios"]),
        "cost": cost,
        "cloud": cloud_rows(),
    }
    rest = {key: value for key, value in concluded.items() if key != "answer"}
    return {"answer": answer_of(concluded)} | rest


def _column(column: Column, cells: list[Cell], unobserved: dict[str, str]) -> Json:
    """A column with where its cells were observed, or why they were not."""
    own = [cell.observed_on for cell in cells if cell.column.name == column.name]
    observed = own[-1].to_json() if own else None
    reason = unobserved.get(column.name, "")
    return {
        "title": column.title,
        "product": column.product,
        "stand_in": column.stand_in,
        "observed_on": observed,
        "not_observed": "" if own else reason,
        "observed_until": reason if own else "",
        "recorded_in": "",
    }


def _versions(engines: Collection[Engine]) -> dict[str, str]:
    own = (name for engine in engines for name in engine.distributions)
    return {name: version(name) for name in (*DISTRIBUTIONS, *own)}


def _scenario(scenario: Scenario, columns: list[Column], policy: RetryPolicy) -> Json:
    """All that the report tells of a scenario."""
    expected = {column.name: found for column in columns if (found := expected_on(column, scenario, policy))}
    return {
        "title": scenario.title,
        "purpose": scenario.purpose,
        "plan": [fault.to_json() for fault in scenario.plan],
        "interruption": scenario.interruption,
        "run_again": scenario.run_again,
        "promised_attempts": scenario.attempts,
        "timeout_seconds": scenario.timeout,
        "generated": scenario.generated,
        "shards": scenario.shards,
        "heartbeats": scenario.heartbeats,
        "expected": {name: asdict(each) for name, each in expected.items()},
    }


def _declared(context: ComparisonContext) -> Json:
    policy = context.policy
    return {
        "max_attempts": policy.max_attempts,
        "waits_seconds": [round(wait.total_seconds(), 3) for wait in policy.waits()],
        "timeout_seconds": policy.timeout.total_seconds(),
    }


def _in_production(context: ComparisonContext) -> RetryPolicy:
    """The policy without the scale of its waits."""
    return replace(context.options, wait_scale=1.0).policy()
