"""Slot-seconds and dollars per million profiles at a rate of faults, from measured times and a dated price table."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from flows.compare.report.conclusions.slots import holds_place
from shared.run.ledger import STAGE

if TYPE_CHECKING:
    from flows.compare.cells import Cell
    from shared.run.policy import RetryPolicy

SCENARIO = "at_scale"
FAULT_RATE = 0.01  # of attempts
MILLION, HOUR, HOURS_A_MONTH = 1_000_000, 3_600, 730
PRICES: dict[str, Any] = json.loads(Path(__file__).with_name("prices.json").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Work:
    """What one undisturbed run over many customers took, in seconds on one core.

    Attributes:
        stage: Of the staging's attempt.
        shards: Of all shards' attempts together.
        whole: From the first claim to the last end.
        steps: Attempts.
        profiles: That it published.
    """

    stage: float
    shards: float
    whole: float
    steps: int
    profiles: int

    @classmethod
    def of(cls, cell: Cell, profiles: int) -> Work:
        """Read a cell's ledger."""
        entries = [entry for entry in cell.history.entries if entry["end"]]
        spans = [(entry["step"], _time(entry["claimed_at"]), _time(entry["end"]["ended_at"])) for entry in entries]
        seconds = [(step, (end - begin).total_seconds()) for step, begin, end in spans]
        stage = sum(took for step, took in seconds if step == STAGE)
        whole = max(end for _, _, end in spans) - min(begin for _, begin, _ in spans)
        return cls(stage, sum(took for _, took in seconds) - stage, whole.total_seconds(), len(entries), profiles)


def costs_of(cells: list[Cell], slots: list[dict[str, Any]], policy: RetryPolicy) -> dict[str, Any]:
    """The cost section of compare.json; empty where ``at_scale`` did not run.

    Args:
        cells: Of a comparison.
        slots: Where waiting holds a place.
        policy: The shards', its waits as they are in production.
    """
    measured: dict[str, list[Work]] = {}
    for cell in cells:
        if cell.scenario.name == SCENARIO and cell.scenario.customers and cell.starts[-1].completed:
            measured.setdefault(cell.column.name, []).append(Work.of(cell, cell.scenario.customers))
    if not measured:
        return {}
    rows = [_row(column, works, policy, held=holds_place(slots, column)) for column, works in measured.items()]
    return {
        "as_of": PRICES["as_of"],
        "fault_rate": FAULT_RATE,
        "break_even_busy": _break_even({row["column"]: row["dollars_per_million"] for row in rows}),
        "assumption": _assumption(),
        "rows": rows,
        "prices": _prices(),
    }


def tries_per_step(rate: float, policy: RetryPolicy) -> float:
    """Expected attempts at a step when each fails with a probability: the sum of rate^k for k from 0 to max_retries."""
    return sum(rate**retry for retry in range(policy.max_attempts))


def wait_per_step(rate: float, policy: RetryPolicy) -> float:
    """Expected seconds a step waits: the k-th wait, counted from 1, comes with a probability of rate^k."""
    return sum(rate ** (retry + 1) * wait.total_seconds() for retry, wait in enumerate(policy.waits()))


def _row(column: str, works: list[Work], policy: RetryPolicy, *, held: bool) -> dict[str, Any]:
    work = sorted(works, key=lambda one: one.stage + one.shards)[len(works) // 2]
    scale = MILLION / work.profiles
    tries = tries_per_step(FAULT_RATE, policy)
    waiting = scale * work.steps * wait_per_step(FAULT_RATE, policy)
    busy = scale * tries * (work.stage + work.shards)
    if column == "render":
        whole = median(one.whole for one in works) * scale
        dollars = _on_render(scale * tries * work.stage, scale * tries * work.shards, whole)
        how = "each task on its plan, and the task that starts them, by the second"
    else:
        dollars = (busy + waiting * held) / HOUR * _always_on_per_hour()
        how = "an always-on machine that is busy all the time"
    return {
        "column": column,
        "slot_seconds_per_million": round(busy + waiting * held, 1),
        "waiting_seconds_per_million": round(waiting, 2),
        "waiting_held": held,
        "dollars_per_million": round(dollars, 5),
        "how": how,
    }


def _on_render(stage: float, shards: float, whole: float) -> float:
    """Dollars of core-seconds on the plans that the tasks declare; half a core takes twice as long."""
    plans = PRICES["render_workflows"]["plans"]
    by_plan = ((stage, plans["standard"]), (shards, plans["starter"]))
    tasks = sum(seconds / min(1, plan["cpus"]) * plan["dollars_per_hour"] for seconds, plan in by_plan)
    return float(tasks + whole * plans["starter"]["dollars_per_hour"]) / HOUR


def _always_on_per_hour() -> float:
    always_on = PRICES["always_on"]
    return float(always_on["dollars_per_month"] / HOURS_A_MONTH / always_on["cpus"])


def _break_even(dollars: dict[str, float]) -> float | None:
    """The share of time that an always-on machine must be busy to cost less than paying by the second."""
    if "prefect" not in dollars or "render" not in dollars:
        return None
    return round(dollars["prefect"] / dollars["render"], 2)


def _assumption() -> str:
    return (
        "Times are those of this machine, one core per place; the cloud's cores are another matter. Prefect itself is "
        f"taken to cost nothing, and its worker to be {_machine()}, busy all the time: one that is busy a tenth of the "
        "time costs ten times as much per profile. Left out are the start of a task's machine, storage, traffic, and a "
        "machine for Prefect's server. A failed attempt is taken to cost as much as one that succeeds."
    )


def _machine() -> str:
    return f"a {PRICES['always_on']['machine']} at {PRICES['always_on']['dollars_per_month']} dollars a month"


def _prices() -> list[dict[str, Any]]:
    plans, always_on = PRICES["render_workflows"], PRICES["always_on"]
    rows = [
        {
            "what": f"Render Workflows, plan {name}",
            "dollars_per_hour": plan["dollars_per_hour"],
            "source": plans["source"],
        }
        for name, plan in plans["plans"].items()
    ]
    hourly = round(always_on["dollars_per_month"] / HOURS_A_MONTH, 4)
    return [*rows, {"what": always_on["machine"], "dollars_per_hour": hourly, "source": always_on["source"]}]


_time = datetime.fromisoformat
