"""Local Render servers with our app or an odd one, runs started there, and what they left in the ledger."""

from __future__ import annotations

import re
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from shared.run.ledger import read_attempts
from shared.run.step_names import shard_step
from shared.run.store import open_store
from tests.command import shardwise
from tests.render_dev.serving import ours

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.render_dev.serving import Server

TASK = "merge_customer_data"
JSON = dict[str, Any]


@contextmanager
def merging_server(folder: Path, command: Sequence[str] = (), **settings: str) -> Iterator[Server]:
    """Serve our app from a folder, with short waits between attempts; nothing may be left behind but its store."""
    with ours(
        command,
        folder,
        "--on-crash",
        "flows.on_render.crash_hook:record",
        env={"SHARDWISE_WAIT_SCALE": "0.02", "SHARDWISE_ALLOW_FAULTS": "true"} | settings,
    ) as server:
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
    return {"kind": kind, "step": shard_step(shard), "attempts": list(attempts)}


# Answers to the name of our task, like apps that are not ours.
ODD_APP = '''
import os, time
from pathlib import Path
from render import Retry, Workflows
app = Workflows()
RESULT = {"profiles_generated": 5, "shards_processed": 2, "digest": "v2:5:0"}

@app.task(name="merge_customer_data", retry=Retry(1, 300))
def merge(ctx):
    """Fails once, then takes its time, or answers as it is told."""
    if os.environ["ODD"] == "flaky" and not Path("failed").exists():
        Path("failed").touch()
        raise RuntimeError("not yet")
    if os.environ["ODD"] == "slow":
        Path("working").touch()
        time.sleep(300)
    return RESULT if os.environ["ODD"] == "flaky" else "hello"

if __name__ == "__main__":
    app.start()
'''


@contextmanager
def odd_server(folder: Path, odd: str) -> Iterator[Server]:
    """A server with a task of our name and another's behaviour."""
    (folder / "odd.py").write_text(ODD_APP)
    with ours((sys.executable, "odd.py"), folder, env={"ODD": odd}) as running:
        yield running


def trigger(server: Server, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the command against a server, in a folder."""
    return shardwise("trigger", *options, cwd=folder, RENDER_LOCAL_DEV_URL=server.url)


def started(output: str) -> str:
    """The id of the run that was started."""
    [run] = re.findall(r"^Run started: (trn-\w+)", output, re.MULTILINE)
    return str(run)
