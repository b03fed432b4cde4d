"""Reads Render's own record of a run: the attempts of its tasks."""

from __future__ import annotations

from datetime import datetime, timedelta
from socket import gethostname
from typing import Any

from flows.engine.record import Record
from flows.on_render.api import RenderApi
from flows.on_render.endpoint import Endpoint
from shared.run.step_names import AGGREGATE, STAGE, shard_step

Json = dict[str, Any]
WRITTEN_AT_ONCE = timedelta(seconds=0.1)  # one message may end several runs, each with its own time
TIMES = "enqueuedAt", "startedAt", "completedAt"  # states of an attempt


def read_render(url: str, run_id: str) -> list[Record]:
    """Return the root runs of a run_id on a local Render server, oldest first."""
    with RenderApi(Endpoint(url)) as api:
        details = [api.run(root["id"]) for root in api.roots()]
        return [render_record(api, root["id"]) for root in details if root["input"][0]["run_id"] == run_id]


def render_record(api: RenderApi, root_id: str, host: str = "") -> Record:
    """Return the record of a root run and all runs below it.

    Args:
        api: The server.
        root_id: The root run.
        host: The host whose clock the times are from; default: this machine.
    """
    root = api.run(root_id)
    record = Record(root["status"], id=root_id, host=host or gethostname())
    _add(record, "root", root["attempts"])
    for below in api.subtasks(root_id):
        run = api.run(below["id"])
        _add(record, _step(run, record), run["attempts"])
    record.orphans.extend(_orphans(record))
    record.attempts.pop("root")
    return record


def _add(record: Record, step: str, attempts: list[Json]) -> None:
    """Add the attempts at a step; all times are from Render's clock."""
    times = [{name: _time(attempt.get(name)) for name in TIMES} for attempt in attempts]
    record.attempts[step] = len(attempts)
    record.ends[step] = [time["completedAt"] for time in times]
    record.states[step] = [f"{a['status']} {a['startedAt']} to {a.get('completedAt')}" for a in attempts]
    record.queued[step] = [took for time in times if (took := _between(time, "enqueuedAt", "startedAt")) is not None]
    record.seconds[step] = sum(_between(time, "startedAt", "completedAt") or 0.0 for time in times)


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _between(times: dict[str, datetime | None], first: str, second: str) -> float | None:
    begin, end = times[first], times[second]
    return (end - begin).total_seconds() if begin and end else None


def _orphans(record: Record) -> list[str]:
    """Return subtasks that continue after their root has ended."""
    if not record.ends["root"] or (ended := record.ends["root"][-1]) is None:
        return []
    last = {step: ends[-1] for step, ends in record.ends.items() if ends}
    return [step for step, end in last.items() if end is None or end > ended + WRITTEN_AT_ONCE]


def _step(run: Json, record: Record) -> str:
    """Return the step of a subtask. Shards have a number before their job; of the others, the first is the staging."""
    if isinstance(run["input"][0], int):
        return shard_step(run["input"][0])
    return AGGREGATE if STAGE in record.attempts else STAGE
