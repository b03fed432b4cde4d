"""What Render itself says of a run: the attempts of its tasks."""

from __future__ import annotations

from datetime import datetime, timedelta
from socket import gethostname
from typing import Any

from flows.engine.record import Record
from flows.on_render.api import RenderApi
from flows.on_render.endpoint import Endpoint
from shared.run.step_names import AGGREGATE, STAGE, shard_step

Json = dict[str, Any]
WRITTEN_AT_ONCE = timedelta(seconds=0.1)  # one message may end several runs, each with a time of its own
TIMES = "enqueuedAt", "startedAt", "completedAt"  # of an attempt


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
    _add(record, "root", root["attempts"])
    for below in api.subtasks(root_id):
        run = api.run(below["id"])
        _add(record, _step(run, record), run["attempts"])
    record.orphans.extend(_orphans(record))
    record.attempts.pop("root")
    return record


def _add(record: Record, step: str, attempts: list[Json]) -> None:
    """Add what is said of a step's attempts; all times are of Render's own clock."""
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
    """A root that dies does not take its subtasks with it."""
    if not record.ends["root"] or (ended := record.ends["root"][-1]) is None:
        return []
    last = {step: ends[-1] for step, ends in record.ends.items() if ends}
    return [step for step, end in last.items() if end is None or end > ended + WRITTEN_AT_ONCE]


def _step(run: Json, record: Record) -> str:
    """Only shards have a number before their job; of the others the staging is first, and Render tells no more."""
    if isinstance(run["input"][0], int):
        return shard_step(run["input"][0])
    return AGGREGATE if STAGE in record.attempts else STAGE
