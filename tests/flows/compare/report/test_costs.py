"""What a million records cost: the formulas, and the dated price file behind them."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from flows.compare.report.conclusions.costs import UTILISATION, Work, by_the_month, by_the_second, costs_of
from flows.engine.pricing import Price, read_prices
from flows.registry import PRICES
from shared.run.errors import TerminalError
from tests.flows.compare.made import cell, comparison, mismatch

if TYPE_CHECKING:
    from pathlib import Path

    from flows.compare.record.concluded import Cost

TODAY = date(2026, 11, 25)
WORK = Work(stage=100.0, shards=1_000.0, whole=600.0)
AT_SCALE = [cell("at_scale", column) for column in ("prefect", "render", "local")]


def price(role: str) -> Price:
    """Ours of a role."""
    return next(each for each in PRICES if each.role == role)


def as_json(price: Price) -> dict[str, Any]:
    """As a file of prices has it."""
    return asdict(price) | {"as_of": price.as_of.isoformat()}


def cost_on(day: date) -> Cost:
    """What these cells cost, told on a day."""
    found = costs_of(comparison(AT_SCALE), PRICES, day)
    assert found
    return found


def test_a_plan_with_half_a_core_takes_twice_as_long() -> None:
    """The staging on its plan, the shards on half a core each, and the task that waits for them."""
    hour = 3_600
    tasks = 100 / hour * price("stage").dollars + 1_000 * 2 / hour * price("shard").dollars
    assert by_the_second(WORK, PRICES) == pytest.approx(tasks + 600 / hour * price("run").dollars)


def test_machines_by_the_month_cost_more_the_less_they_work() -> None:
    """A worker that is busy a tenth of the time costs ten times as much per record, and the server counts."""
    assert by_the_month(WORK, PRICES, 0.1) == pytest.approx(10 * by_the_month(WORK, PRICES, 1.0))
    worker_only = tuple(each for each in PRICES if each.role not in {"server", "database"})
    assert by_the_month(WORK, PRICES, 1.0) / by_the_month(WORK, worker_only, 1.0) == pytest.approx(38 / 25)


def test_the_cost_is_a_curve_with_its_crossing() -> None:
    """A point per utilisation and column; no column that costs nothing to choose."""
    cost = cost_on(TODAY)
    assert [curve.column for curve in cost.curves] == ["prefect", "render"]
    monthly, flat = cost.curves
    assert [point.utilisation for point in monthly.points] == list(UTILISATION)
    assert len({point.dollars.median for point in flat.points}) == 1
    (pair,) = cost.break_even
    assert monthly.when_busy / pair.least == pytest.approx(flat.when_busy, rel=0.05)
    assert "server" in cost.assumption


def test_a_price_is_old_after_ninety_days() -> None:
    """Nothing is concluded from it without saying as of when."""
    oldest = min(each.as_of for each in PRICES)
    assert cost_on(oldest + timedelta(days=90)).old == ()
    assert oldest.isoformat() in cost_on(oldest + timedelta(days=91)).old


def test_no_cost_without_cells_that_bear_it() -> None:
    """What was not measured, or not as expected, is left out."""
    assert costs_of(comparison([]), PRICES, TODAY) is None
    assert costs_of(comparison(map(mismatch, AT_SCALE)), PRICES, TODAY) is None


def test_own_prices_change_the_curve(tmp_path: Path) -> None:
    """A file like ours takes its place."""
    dearer = [replace(each, dollars=each.dollars * 2) for each in PRICES]
    path = tmp_path / "prices.json"
    path.write_text(json.dumps({"prices": [as_json(each) for each in dearer]}))
    assert by_the_second(WORK, read_prices(path)) == pytest.approx(2 * by_the_second(WORK, PRICES))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"as_of": "soon"}, "price 1: Invalid isoformat"),
        ({"dollars": "much"}, "price 1: could not convert"),
        ({"per": "day"}, "price 1: paid 'by the second' per 'day'"),
        ({"role": "shards"}, "no price by the second for stage"),
        ({"color": "red"}, "price 1: color is missing or unknown"),
    ],
)
def test_a_wrong_price_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    """With the file and the number of the price."""
    first, *others = sorted((as_json(each) for each in PRICES), key=lambda each: bool(each["role"] != "stage"))
    path = tmp_path / "prices.json"
    path.write_text(json.dumps({"prices": [first | change, *others]}))
    with pytest.raises(TerminalError, match=message) as error:
        read_prices(path)
    assert f"--prices {path}" in str(error.value)
