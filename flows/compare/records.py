"""What the engines themselves say of a run: Prefect's task run states, Render's attempts. Evidence to be checked."""

from __future__ import annotations

import threading
import time
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import pairwise
from socket import gethostname
from typing import TYPE_CHECKING, Any

from flows.on_render.api import Endpoint, RenderApi
from shared.run.ledger import AGGREGATE, STAGE, shard_step

if TYPE_CHECKING:
    from flows.compare.prefect_api import PrefectApi

SETTLED = 2.0  # seconds: longer than the delay with which Prefect writes states down
POLL_INTERVAL = 0.1  # seconds between two looks
COMPLETED, UNFINISHED = {"completed", "succeeded"}, {"pending", "running", "scheduled", "cancelling"}
TIMES = "enqueuedAt", "startedAt", "completedAt"  # of an attempt on Render
Json = dict[str, Any]


@dataclass(frozen=True)
class Record:
    """One start of a run, as its engine tells it.

    Attributes:
        state: Of the whole run, in small letters.
        attempts: How many of each step.
        ends: When each of them ended, by step; None for one without an end.
        states: What each step went through, in the engine's words.
        id: The engine's own name of it.
        queued: Seconds from the moment an attempt was due to its start, by step, where the platform records both.
        seconds: How long the attempts took together, by step, where the platform records it.
        orphans: Steps that were still running when the run itself had ended.
        host: Whose clock the times are of.
    """

    state: str
    attempts: dict[str, int] = field(default_factory=dict)
    ends: dict[str, list[datetime | None]] = field(default_factory=dict)
    states: dict[str, list[str]] = field(default_factory=dict)
    id: str = ""
    queued: dict[str, list[float]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    orphans: list[str] = field(default_factory=list)
    host: str = field(default_factory=gethostname)

    @property
    def completed(self) -> bool:
        """Whether the engine says that the run succeeded."""
        return self.state in COMPLETED

    @property
    def unfinished(self) -> bool:
        """Whether the engine says that the run goes on."""
        return self.state in UNFINISHED

    def add(self, step: str, attempts: list[Json]) -> None:
        """Add what Render says of a step's attempts; all times are of its own clock."""
        times = [{name: _time(attempt.get(name)) for name in TIMES} for attempt in attempts]
        self.attempts[step] = len(attempts)
        self.ends[step] = [time["completedAt"] for time in times]
        self.states[step] = [f"{a['status']} {a['startedAt']} to {a.get('completedAt')}" for a in attempts]
        self.queued[step] = [took for time in times if (took := _between(time, "enqueuedAt", "startedAt")) is not None]
        self.seconds[step] = sum(_between(time, "startedAt", "completedAt") or 0.0 for time in times)

    def to_json(self) -> Json:
        """The evidence; ends are in the states."""
        return {key: value for key, value in asdict(self).items() if key != "ends"}


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _between(times: dict[str, datetime | None], first: str, second: str) -> float | None:
    begin, end = times[first], times[second]
    return (end - begin).total_seconds() if begin and end else None


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


def read_render(url: str, run_id: str) -> list[Record]:
    """The root runs of a run_id on a local Render server, oldest first."""
    with RenderApi(Endpoint(url)) as api:
        details = [api.run(root["id"]) for root in api.roots()]
        return [render_record(api, root["id"]) for root in details if root["input"][0]["run_id"] == run_id]


def render_record(api: RenderApi, root_id: str, host: str = "") -> Record:
    """A root run and all below it.

    Args:
        api: Where it is.
        root_id: The root.
        host: Whose clock its times are of; default: this machine's.
    """
    root = api.run(root_id)
    record = Record(root["status"], id=root_id, host=host or gethostname())
    record.add("root", root["attempts"])
    for below in api.subtasks(root_id):
        run = api.run(below["id"])
        record.add(_step(run, record), run["attempts"])
    record.orphans.extend(_orphans(record))
    record.attempts.pop("root")
    return record


def _orphans(record: Record) -> list[str]:
    """A root that dies does not take its subtasks with it."""
    ended = record.ends["root"][-1] if record.ends["root"] else None
    last = {step: ends[-1] for step, ends in record.ends.items() if ends}
    return [] if ended is None else [step for step, end in last.items() if end is None or end > ended]


def _step(run: Json, record: Record) -> str:
    """Only shards have a number before their job; of the others the staging is first, and Render tells no more."""
    if isinstance(run["input"][0], int):
        return shard_step(run["input"][0])
    return AGGREGATE if STAGE in record.attempts else STAGE
