"""What compare.json holds: the stamp, every cell with its evidence, and what follows from all of them."""

from __future__ import annotations

import platform
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from flows.compare.report.conclusions.again import amplification_of, resumes_of
from flows.compare.report.conclusions.cloud import cloud_rows
from flows.compare.report.conclusions.costs import costs_of
from flows.compare.report.conclusions.delays import delays_of
from flows.compare.report.conclusions.lint import lint
from flows.compare.report.conclusions.sheet import sheet_of
from flows.compare.report.conclusions.shims import shim_lines
from flows.compare.report.conclusions.slots import slots_of
from shared.isolation.pool import cores
from shared.run.policy import FIRST_WAIT, ORCHESTRATOR_POLICY

if TYPE_CHECKING:
    from flows.compare.cells import Cell
    from flows.compare.context import ComparisonContext

DISTRIBUTIONS = ("shardwise", "prefect", "render", "duckdb", "pandas", "pyarrow")


def content_of(context: ComparisonContext, cells: list[Cell]) -> dict[str, Any]:
    """The content of compare.json, which report.md and report.html are made of."""
    return _stamp(context) | {
        "columns": {cell.column.name: cell.column.title for cell in cells},
        "not_observed": context.servers.absent,
        "scenarios": {cell.scenario.name: cell.scenario.to_json() for cell in cells},
        "cells": [cell.to_json() for cell in cells],
        **_conclusions(context, cells),
    }


def _stamp(context: ComparisonContext) -> dict[str, Any]:
    result = context.reference.result() or {}
    return {
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
            "cores": cores(),
        },
        "versions": {name: version(name) for name in DISTRIBUTIONS},
        "shards": context.job.num_shards,
        "workers": context.workers,
        "wait_scale": context.wait_scale,
        "declared": {
            "max_attempts": context.policy.max_attempts,
            "waits_seconds": [round(wait.total_seconds(), 3) for wait in context.policy.waits()],
        },
        "reference": {key: result[key] for key in ("digest", "profiles_generated", "records_processed")},
    }


def _conclusions(context: ComparisonContext, cells: list[Cell]) -> dict[str, Any]:
    """What follows from all cells; an empty list where none of them bears on it."""
    slots = slots_of(cells)
    in_production = replace(context.policy, first_wait=FIRST_WAIT)
    cost = costs_of(cells, slots, in_production)
    return {
        "sheet": [line.to_json() for line in sheet_of(cells, slots, cost)],
        "delays": [delays.to_json() for delays in delays_of(cells, context.workers)],
        "slots": slots,
        "amplification": amplification_of(cells),
        "resume": resumes_of(cells),
        "cost": cost,
        "shims": shim_lines(),
        "lint": [hint.to_json() for hint in lint(in_production, ORCHESTRATOR_POLICY)],
        "cloud": cloud_rows(),
    }
