"""What a million profiles cost: the formula, and the price table behind it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from flows.compare.cells import Cell, run_cell
from flows.compare.columns import COLUMNS
from flows.compare.report.conclusions.costs import FAULT_RATE, PRICES, costs_of, tries_per_step, wait_per_step
from flows.compare.scenarios import SCENARIOS
from shared.run.policy import RetryPolicy

if TYPE_CHECKING:
    from flows.compare.context import ComparisonContext

POLICY = RetryPolicy(3, timedelta(seconds=2), 1.5, timedelta(minutes=10))
CUSTOMERS = 1_000


@pytest.fixture(scope="module")
def cell(context: ComparisonContext) -> Cell:
    """An undisturbed run over the sample, taken for one at scale."""
    scenario = replace(SCENARIOS["at_scale"], customers=CUSTOMERS)
    return run_cell(context, scenario, COLUMNS["local"], 7)


def test_expected_attempts_and_waits() -> None:
    """With every attempt failing all retries and waits are made; with none failing, one attempt and no wait."""
    assert (tries_per_step(1.0, POLICY), wait_per_step(1.0, POLICY)) == (4.0, 9.5)
    assert (tries_per_step(0.0, POLICY), wait_per_step(0.0, POLICY)) == (1.0, 0.0)
    assert tries_per_step(0.5, POLICY) == 1.875
    assert wait_per_step(0.5, POLICY) == 0.5 * 2 + 0.25 * 3 + 0.125 * 4.5


def test_waiting_costs_where_it_holds_a_place(cell: Cell) -> None:
    """A million profiles take the measured seconds, more by the rate of faults, and the waits only where held."""
    held, free = (costs_of([cell], [{"column": "local", "held": holds}], POLICY)["rows"][0] for holds in (True, False))
    measured = sum(_seconds(cell)) * 1_000_000 / CUSTOMERS
    waiting = 11 * wait_per_step(FAULT_RATE, POLICY) * 1_000_000 / CUSTOMERS
    assert free["slot_seconds_per_million"] == pytest.approx(measured * tries_per_step(FAULT_RATE, POLICY), rel=1e-3)
    assert held["slot_seconds_per_million"] - free["slot_seconds_per_million"] == pytest.approx(waiting, abs=0.2)
    assert held["dollars_per_million"] > free["dollars_per_million"] > 0


def test_render_is_paid_by_plan(cell: Cell) -> None:
    """The staging on plan standard, shards on half a core of plan starter, and the task that waits for them all."""
    on_render = replace(cell, column=COLUMNS["render"])
    row = costs_of([on_render], [], POLICY)["rows"][0]
    stage, *shards = _seconds(cell)
    plans = PRICES["render_workflows"]["plans"]
    tasks = stage * plans["standard"]["dollars_per_hour"] + sum(shards) * 2 * plans["starter"]["dollars_per_hour"]
    assert row["dollars_per_million"] > tasks / 3_600 * 1_000_000 / CUSTOMERS


def test_no_cost_without_its_scenario() -> None:
    """What was not measured is left out."""
    assert costs_of([], [], POLICY) == {}


def _seconds(cell: Cell) -> list[float]:
    """Of each attempt, the staging's first, as the ledger has them."""
    time = datetime.fromisoformat
    spans = [(time(entry["claimed_at"]), time(entry["end"]["ended_at"])) for entry in cell.history.entries]
    return [(end - begin).total_seconds() for begin, end in sorted(spans)]
