"""Reads Prefect's own record of a run: the states of its task runs."""

from __future__ import annotations

import threading
import time
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from flows.engine.record import Record
from flows.on_prefect.columns.api import TERMINAL

if TYPE_CHECKING:
    from flows.on_prefect.columns.api import PrefectApi

SETTLED = 2.0  # seconds, longer than Prefect's delay in writing states
POLL_INTERVAL = 0.1  # seconds between two polls
Json = dict[str, Any]


def read_prefect(api: PrefectApi, run_id: str) -> list[Record]:
    """Return each start of the flow runs of a run_id, oldest first; a crashed flow run may have several starts."""
    return [record for flow_run in api.flow_runs(run_id) for record in _records(api, flow_run)]


def _records(api: PrefectApi, flow_run: Json) -> list[Record]:
    states = _sorted(api.get("/flow_run_states/", flow_run_id=flow_run["id"]))
    begun = [number for number, state in enumerate(states) if state["type"] == "RUNNING"]
    lives = [states[first:after] for first, after in pairwise([*begun, None])] or [states]
    records = [Record(_end(life).lower(), id=flow_run["id"]) for life in lives]
    for task_run in _settled_task_runs(api, flow_run["id"]):
        _add(records[min(task_run["flow_run_run_count"], len(records)) - 1], api, task_run)
    return records


def _end(life: list[Json]) -> str:
    """Return the final state of a start: the last one before another start was scheduled, or the last of all."""
    ends = [state["name"] for state in life if state["type"] in TERMINAL]
    return str(ends[-1] if ends else life[-1]["name"])


def _add(record: Record, api: PrefectApi, task_run: Json) -> None:
    states = _sorted(api.get("/task_run_states/", task_run_id=task_run["id"]))
    step = task_run["name"]
    attempts = [(a, b) for a, b in pairwise([*states, None]) if a["type"] == "RUNNING"]
    record.attempts[step] = len(attempts)
    record.ends[step] = [datetime.fromisoformat(end["timestamp"]) if end else None for _, end in attempts]
    record.states[step] = [f"{state['name']} {state['timestamp']}" for state in states]


def _sorted(states: list[Json]) -> list[Any]:
    return sorted(states, key=lambda state: str(state["timestamp"]))


def _settled_task_runs(api: PrefectApi, flow_run_id: str) -> list[Json]:
    """Return the task runs of a flow run that has ended, when all have ended or no more states are written."""
    known: set[str] = set()
    changed = time.monotonic()
    while True:
        runs = api.task_runs(flow_run_id)
        if (runs and all(run["end_time"] for run in runs)) or time.monotonic() > changed + SETTLED:
            return runs
        if known != (states := {run["state_id"] for run in runs}):
            known, changed = states, time.monotonic()
        threading.Event().wait(POLL_INTERVAL)
