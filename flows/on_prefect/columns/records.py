"""What Prefect itself says of a run: the states of its task runs."""

from __future__ import annotations

import threading
import time
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from flows.engine.record import Record

if TYPE_CHECKING:
    from flows.on_prefect.columns.api import PrefectApi

SETTLED = 2.0  # seconds: longer than the delay with which Prefect writes states down
POLL_INTERVAL = 0.1  # seconds between two looks
Json = dict[str, Any]


def read_prefect(api: PrefectApi, run_id: str) -> list[Record]:
    """The flow runs of a run_id, oldest first."""
    return [_prefect_record(api, flow_run) for flow_run in api.flow_runs(run_id)]


def _prefect_record(api: PrefectApi, flow_run: Json) -> Record:
    record = Record(flow_run["state_name"].lower(), id=flow_run["id"])
    for task_run in _settled_task_runs(api, flow_run["id"]):
        states = api.get("/task_run_states/", task_run_id=task_run["id"])
        states.sort(key=lambda state: state["timestamp"])
        step = task_run["name"]
        attempts = [(a, b) for a, b in pairwise([*states, None]) if a["type"] == "RUNNING"]
        record.attempts[step] = len(attempts)
        record.ends[step] = [datetime.fromisoformat(end["timestamp"]) if end else None for _, end in attempts]
        record.states[step] = [f"{state['name']} {state['timestamp']}" for state in states]
    return record


def _settled_task_runs(api: PrefectApi, flow_run_id: str) -> list[Json]:
    """The task runs of a flow run that is over, once all have ended, or when nothing is written down any more."""
    known: set[str] = set()
    changed = time.monotonic()
    while True:
        runs = api.task_runs(flow_run_id)
        if (runs and all(run["end_time"] for run in runs)) or time.monotonic() > changed + SETTLED:
            return runs
        if known != (states := {run["state_id"] for run in runs}):
            known, changed = states, time.monotonic()
        threading.Event().wait(POLL_INTERVAL)
