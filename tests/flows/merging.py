"""The local Render server with our app, and what a run of it left in the ledger."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from shared.ledger import read_attempts
from shared.store import open_store
from tests.render_dev.serving import ours

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.render_dev.serving import Server

TASK = "merge_customer_data"
JSON = dict[str, Any]


@contextmanager
def merging_server(folder: Path, command: Sequence[str] = (), **settings: str) -> Iterator[Server]:
    """Serve our app from a folder, with short waits between attempts; nothing may be left behind but its store."""
    with ours(command, folder, env={"SHARDWISE_WAIT_SCALE": "0.02"} | settings) as server:
        yield server


def shard_run(server: Server, root: str, shard: int) -> JSON:
    """The details of the subtask of a run that processed a shard."""
    below = [run["id"] for run in server.runs() if run["rootTaskRunId"] == root != run["id"]]
    return next(run for run in map(server.run, below) if run["input"][0] == shard)


def ledger_of(folder: Path, run_id: str, step: str) -> list[JSON]:
    """The attempts at a step that the ledger has, oldest first."""
    attempts = read_attempts(open_store(str(folder / ".shardwise")), run_id)
    return [attempt for attempt in attempts if attempt["step"] == step]


def fault(kind: str, shard: int, *attempts: int) -> JSON:
    """A planned fault, as a job has it."""
    return {"kind": kind, "shard": shard, "attempts": list(attempts)}
