"""Dollars per million records over utilisation, from measured times and dated prices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from flows.compare.report.conclusions.numbers import spread
from flows.engine.pricing import BY_THE_MONTH, BY_THE_SECOND, OLD, Price

if TYPE_CHECKING:
    from collections.abc import Callable

Json = dict[str, Any]

SCENARIO = "at_scale"
MILLION, HOUR, HOURS_A_MONTH = 1_000_000, 3_600, 730
UTILISATION = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)  # share of the month that the worker is busy


@dataclass(frozen=True)
class Work:
    """What one undisturbed run took for a million records, in seconds on one core.

    Attributes:
        stage: Of the staging's attempt.
        shards: Of all other attempts together.
        whole: From the first claim to the last end.
    """

    stage: float
    shards: float
    whole: float

    @classmethod
    def of(cls, cell: Json) -> Work:
        """Read a cell's ledger."""
        entries = [entry for entry in cell["ledger"]["attempts"] if entry["end"]]
        spans = [(entry["step"], _time(entry["claimed_at"]), _time(entry["end"]["ended_at"])) for entry in entries]
        scale = MILLION / cell["records"]
        stage = sum((end - begin).total_seconds() for step, begin, end in spans if step == "stage")
        everything = sum((end - begin).total_seconds() for _, begin, end in spans)
        whole = (max(end for *_, end in spans) - min(begin for _, begin, _ in spans)).total_seconds()
        return cls(stage * scale, (everything - stage) * scale, whole * scale)


def costs_of(cells: list[Json], columns: dict[str, Json], prices: list[Price], on: date) -> Json:
    """The cost section of compare.json; empty where ``at_scale`` did not run.

    Args:
        cells: Of a comparison.
        columns: By name: what each is of.
        prices: What is paid.
        on: The day of the report, for prices that are old by then.
    """
    measured: dict[str, list[Work]] = {}
    for cell in cells:
        product = columns[cell["column"]]["product"]
        if cell["scenario"] == SCENARIO and cell["as_expected"] and cell["records"] and product:
            measured.setdefault(cell["column"], []).append(Work.of(cell))
    if not measured:
        return {}
    curves = [_curve(column, columns[column], works, prices) for column, works in measured.items()]
    return {
        "scenario": SCENARIO,
        "curves": curves,
        "break_even": _break_even(curves),
        "assumption": ASSUMPTION,
        "old": sorted({price.as_of.isoformat() for price in prices if price.is_old(on)}),
        "old_after_days": OLD,
        "prices": [price.to_json() for price in prices],
    }


def by_the_second(work: Work, prices: list[Price]) -> float:
    """Dollars of a million records on plans by the second; half a core takes twice as long."""
    rates = {price.role: price.dollars / HOUR / min(1, price.cpus) for price in prices if price.paid == BY_THE_SECOND}
    waiting = next(price.dollars / HOUR for price in prices if price.role == "run")
    return work.stage * rates["stage"] + work.shards * rates["shard"] + work.whole * waiting


def by_the_month(work: Work, prices: list[Price], utilisation: float) -> float:
    """Dollars of a million records on machines by the month, busy for a share of it; all of them count."""
    machines = [price for price in prices if price.paid == BY_THE_MONTH]
    cores = sum(price.cpus for price in machines)
    per_second = sum(price.dollars for price in machines) / HOURS_A_MONTH / HOUR
    return (work.stage + work.shards) / cores * per_second / utilisation


def _curve(column: str, about: Json, works: list[Work], prices: list[Price]) -> Json:
    monthly = about["product"] == "prefect"
    cost: Callable[[Work, float], float] = (
        (lambda work, share: by_the_month(work, prices, share))
        if monthly
        else (lambda work, _: by_the_second(work, prices))
    )
    return {
        "column": column,
        "paid": BY_THE_MONTH if monthly else BY_THE_SECOND,
        "stand_in": about["stand_in"],
        "core_seconds": spread((work.stage + work.shards for work in works), digits=1),
        "points": [
            {"utilisation": share, "dollars": spread((cost(work, share) for work in works), digits=6)}
            for share in UTILISATION
        ],
    }


def _break_even(curves: list[Json]) -> list[Json]:
    """For each pair of a curve by the month and one by the second: the utilisation at which both cost the same."""
    return [
        {
            "monthly": monthly["column"],
            "by_the_second": other["column"],
            "least": round(full["least"] / flat["most"], 2),
            "most": round(full["most"] / flat["least"], 2),
        }
        for monthly in curves
        if monthly["paid"] == BY_THE_MONTH
        for other in curves
        if other["paid"] == BY_THE_SECOND
        for full, flat in [(monthly["points"][-1]["dollars"], other["points"][-1]["dollars"])]
    ]


ASSUMPTION = (
    "Times are those of the machine that made this report, one core per slot; a cloud's cores are another matter. "
    "Machines by the month are paid whether they work or not, those of the server and its database included. Left out "
    "are the start of a task's machine, storage, traffic, other workspaces' fees, and plans billed by active CPU."
)
_time = datetime.fromisoformat
