"""What the engines themselves say of a run: Prefect's task run states, Render's attempts. Evidence to be checked."""

from __future__ import annotations

import threading
import time
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from flows.on_render.api import Endpoint, RenderApi
from shared.run.ledger import shard_step

if TYPE_CHECKING:
    from flows.compare.prefect_api import PrefectApi

SETTLE_TIMEOUT, POLL_INTERVAL = 4.0, 0.1  # seconds: Prefect's server writes states down with a delay; between two looks
COMPLETED, UNFINISHED = {"completed"}, {"pending", "running", "scheduled", "cancelling"}
Json = dict[str, Any]


@dataclass(frozen=True)
class Record:
    """One start of a run, as its engine tells it.

    Attributes:
        state: Of the whole run, in small letters.
        attempts: How many of each step.
        ends: When each of them ended, by step; None for one without an end.
        states: What each step went through, in the engine's words.
    """

    state: str
    attempts: dict[str, int] = field(default_factory=dict)
    ends: dict[str, list[datetime | None]] = field(default_factory=dict)
    states: dict[str, list[str]] = field(default_factory=dict)

    @property
    def completed(self) -> bool:
        """Whether the engine says that the run succeeded."""
        return self.state in COMPLETED

    @property
    def unfinished(self) -> bool:
        """Whether the engine says that the run goes on."""
        return self.state in UNFINISHED

    def to_json(self) -> Json:
        """The evidence; ends are in the states."""
        return {key: value for key, value in asdict(self).items() if key != "ends"}


def read_prefect(api: PrefectApi, run_id: str) -> list[Record]:
    """The flow runs of a run_id, oldest first."""
    return [_prefect_record(api, flow_run) for flow_run in api.flow_runs(run_id)]


def _prefect_record(api: PrefectApi, flow_run: Json) -> Record:
    record = Record(flow_run["state_name"].lower())
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
    """The task runs of a flow run that is over, once all have ended, or when there is no more hope for that."""
    deadline = time.monotonic() + SETTLE_TIMEOUT
    while True:
        runs = api.task_runs(flow_run_id)
        if (runs and all(run["end_time"] for run in runs)) or time.monotonic() > deadline:
            return runs
        threading.Event().wait(POLL_INTERVAL)


def read_render(url: str, run_id: str) -> list[Record]:
    """The root runs of a run_id on a local Render server, oldest first."""
    with RenderApi(Endpoint(url)) as api:
        details, tasks = [api.run(root["id"]) for root in api.roots()], api.task_names()
        return [_render_record(api, root, tasks) for root in details if root["input"][0]["run_id"] == run_id]


def _render_record(api: RenderApi, root: Json, tasks: dict[str, str]) -> Record:
    record = Record(root["status"])
    for run in (api.run(below["id"]) for below in api.subtasks(root["id"])):
        step = shard_step(run["input"][0]) if isinstance(run["input"][0], int) else tasks[run["taskId"]]
        attempts = run["attempts"]
        record.attempts[step] = len(attempts)
        ends = [attempt.get("completedAt") for attempt in attempts]
        record.ends[step] = [datetime.fromisoformat(end) if end else None for end in ends]
        record.states[step] = [f"{a['status']} {a['startedAt']} to {a.get('completedAt')}" for a in attempts]
    return record
