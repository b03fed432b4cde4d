"""The file ``job.json`` of a run: its first start writes it, and later starts must match it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from shared.run.errors import TerminalError
from shared.run.store import create_json, parse_json

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from shared.run.job import Job
    from shared.run.store import Store

Json = dict[str, Any]


def find_record(store: Store, run_id: str) -> Json | None:
    """Return the record of a run; None if there is no run, or the file is another program's.

    Raises:
        TerminalError: Version 0.1 wrote it.
    """
    try:
        record = parse_json(store.read(_name(run_id))) or {}
    except FileNotFoundError:
        return None
    if "contract_version" in record:
        raise TerminalError(
            f"run {run_id} in {store.url} was made by version 0.1 of shardwise, which this version does not read; "
            "name another store, or move the run's folder out of this one"
        )
    return record if {"pipeline", "num_shards"} <= record.keys() else None


def keep_record(store: Store, job: Job, fixed: Json, committed: Callable[[], Collection[int]]) -> None:
    """Write the record of a run, or check this start against the record of an earlier one.

    Args:
        store: The job's store.
        job: The job, not yet opened.
        fixed: The values that all starts must share; ``input_digest`` may change until a shard is committed.
        committed: Returns the committed shards.

    Raises:
        TerminalError: The run was started before with other values.
    """
    record = {**fixed, "job": job.to_json()}
    if create_json(store, _name(job.run_id), record):
        return
    if (earlier := find_record(store, job.run_id)) is None:
        raise TerminalError(f"{store.url}/{_name(job.run_id)} was not written by shardwise; use another run_id")
    for field, value in fixed.items():
        if field != "input_digest" and earlier.get(field) != value:
            raise TerminalError(
                f"run {job.run_id} was started with {field} {earlier.get(field)} and now has {value}; "
                "give this run another run_id, or start it with what it had"
            )
    if earlier.get("input_digest") == fixed["input_digest"]:
        return
    if committed():
        raise TerminalError(
            f"the input files in {job.data_url} are not those that run {job.run_id} was started "
            "with, and some of its shards are committed; start a run with another run_id"
        )
    with store.publishing(_name(job.run_id)) as path:
        path.write_text(json.dumps(record, indent=1) + "\n")


def _name(run_id: str) -> str:
    return f"runs/{run_id}/job.json"
