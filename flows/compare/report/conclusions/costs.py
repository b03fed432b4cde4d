"""The cost of a million records at each utilisation, from measured times and dated prices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.compare.record.concluded import BreakEven, Cost, Curve, Point
from flows.compare.report.conclusions.numbers import spread
from shared.run.step_names import STAGE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from flows.compare.record.comparison import Comparison
    from flows.compare.record.concluded import Prices, Spread
    from flows.compare.record.observed import Cell

SCENARIO = "at_scale"
MILLION, HOUR, HOURS_A_MONTH = 1_000_000, 3_600, 730
UTILISATION = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)  # share of the month that the worker is busy


@dataclass(frozen=True)
class Work:
    """What one undisturbed run took for a million records, in seconds on one core.

    Attributes:
        stage: The duration of the staging.
        shards: The total duration of all other attempts.
        whole: From the first claim to the last end.
    """

    stage: float
    shards: float
    whole: float

    @classmethod
    def of(cls, cell: Cell) -> Work:
        """Read a cell's attempts."""
        spans = [(each.step, each.begin.at, each.end.moment.at) for each in cell.attempts if each.end]
        scale = MILLION / cell.store.records
        stage = sum((end - begin).total_seconds() for step, begin, end in spans if step == STAGE)
        everything = sum((end - begin).total_seconds() for _, begin, end in spans)
        whole = (max(end for *_, end in spans) - min(begin for _, begin, _ in spans)).total_seconds()
        return cls(stage * scale, (everything - stage) * scale, whole * scale)


def costs_of(comparison: Comparison, prices: Prices, on: date) -> Cost | None:
    """What a million records cost; None where ``at_scale`` did not run.

    Args:
        comparison: Its cells and columns.
        prices: What is paid.
        on: The day of the report, for prices that are old by then.
    """
    measured: dict[str, list[Work]] = {}
    for cell in comparison.cells:
        sound = cell.scenario == SCENARIO and cell.judgement.as_expected and cell.store.records
        if sound and comparison.columns[cell.column].slots and _paid(comparison, cell.column):
            measured.setdefault(cell.column, []).append(Work.of(cell))
    if not measured:
        return None
    curves = [_curve(comparison, column, works, prices) for column, works in measured.items()]
    return Cost(
        scenario=SCENARIO,
        curves=tuple(curves),
        break_even=tuple(_break_even(curves)),
        assumption=ASSUMPTION,
        old=tuple(sorted({price.as_of.isoformat() for price in prices if price.is_old(on)})),
        prices=prices,
    )


def by_the_second(work: Work, prices: Prices) -> float:
    """Dollars of a million records on plans by the second; half a core takes twice as long."""
    stage, shard, run = (next(price for price in prices if price.role == role) for role in ("stage", "shard", "run"))
    working = work.stage * stage.dollars / min(1, stage.cpus) + work.shards * shard.dollars / min(1, shard.cpus)
    return (working + work.whole * run.dollars) / HOUR


def by_the_month(work: Work, prices: Prices, utilisation: float) -> float:
    """Dollars of a million records on machines by the month, busy for a share of it; all of them count."""
    machines = [price for price in prices if price.monthly]
    cores = sum(price.cpus for price in machines)
    per_second = sum(price.dollars for price in machines) / HOURS_A_MONTH / HOUR
    return (work.stage + work.shards) / cores * per_second / utilisation


def _paid(comparison: Comparison, column: str) -> str:
    """How the machines of a column are paid; empty where that is not compared."""
    product = comparison.products.get(comparison.columns[column].product)
    return product.paid if product else ""


def _curve(comparison: Comparison, column: str, works: list[Work], prices: Prices) -> Curve:
    product = comparison.products[comparison.columns[column].product]

    def cost(work: Work, share: float) -> float:
        return by_the_month(work, prices, share) if product.monthly else by_the_second(work, prices)

    return Curve(
        column=column,
        paid=product.paid,
        stand_in=comparison.columns[column].stand_in,
        core_seconds=_spread((work.stage + work.shards for work in works), digits=1),
        points=tuple(
            Point(utilisation=share, dollars=_spread((cost(work, share) for work in works), digits=6))
            for share in UTILISATION
        ),
    )


def _spread(numbers: Iterable[float], digits: int) -> Spread:
    found = spread(numbers, digits)
    assert found is not None  # noqa: S101 — there is a curve where something was measured
    return found


def _break_even(curves: list[Curve]) -> list[BreakEven]:
    """For each pair of a curve by the month and one by the second: the utilisation at which both cost the same."""
    return [
        BreakEven(
            monthly=monthly.column,
            by_the_second=other.column,
            least=round(full.least / flat.most, 2),
            most=round(full.most / flat.least, 2),
        )
        for monthly in curves
        if monthly.monthly
        for other in curves
        if not other.monthly
        for full, flat in [(monthly.points[-1].dollars, other.points[-1].dollars)]
    ]


ASSUMPTION = (
    "Times are those of the machine that made this report, one core per slot; a cloud's cores are another matter. "
    "Machines by the month are paid whether they work or not, those of the server and its database included. Left out "
    "are the start of a task's machine, storage, traffic, other workspaces' fees, and plans billed by active CPU."
)
