"""Records the end of attempts whose worker died, which the local Render server sees."""

from __future__ import annotations

from shared.run.job import Job
from shared.run.ledger import record_worker_death
from shared.run.step_names import shard_step


def record(task: str, arguments: object, reason: str, pid: int | None = None) -> None:
    """Record a worker's death in the ledger of its run; other apps' tasks are ignored.

    Args:
        task: The name of the task.
        arguments: The decoded arguments of the task: a list, or a dict of names.
        reason: What the server saw.
        pid: The process that died, if the server knows it.
    """
    match task, arguments:
        case "stage" | "aggregate", [dict() as job] | {"job": dict() as job}:
            step: str = task
        case "process_shard", [int() as shard_id, dict() as job] | {
            "shard_id": int() as shard_id,
            "job": dict() as job,
        }:
            step = shard_step(shard_id)
        case _:
            return
    record_worker_death(Job.from_json(job), step, reason, pid)
