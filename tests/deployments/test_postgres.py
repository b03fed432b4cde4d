"""The plain commands of a team with a server of its own, backed by PostgreSQL, and what survives a restart."""

from __future__ import annotations

import json
import os
import signal
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import psutil
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.on_prefect.operations import crash
from shared.run.ledger import read_attempts
from shared.run.store import open_store
from tests.command import shardwise
from tests.deployments.postgres import running_postgres
from tests.deployments.readme import prefect_arguments
from tests.prefect_server import Json, PrefectServer, running_server, running_worker
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.servers

POOL = "shardwise"
SAMPLE = "merge-customer-data/customers-sample"
MANY = 100  # shards: enough to interrupt in their middle


@pytest.mark.timeout(400)
def test_runs_survive_a_killed_worker_and_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deploy, run, kill -9 the worker in the middle of a run, restart the server: runs are found and can be resumed."""
    store, home = tmp_path / "store", tmp_path / "home"
    with running_postgres() as database:
        settings = {"PREFECT_SERVER_DATABASE_CONNECTION_URL": database}
        with running_server(home, **settings) as server:
            _deploy(server)
            with running_worker(server, POOL) as worker:
                whole = server.start(SAMPLE, store_url=str(store), run_id="whole", num_shards=10)
                server.wait_for_state(whole, "COMPLETED")
                server.start(SAMPLE, store_url=str(store), run_id="interrupted", num_shards=MANY)
                _kill_in_the_middle(worker.pid, store / "runs/interrupted/manifests")
        committed = {path.stem for path in (store / "runs/interrupted/manifests").iterdir()}

        with running_server(home, **settings) as server, running_worker(server, POOL):
            found = {run["name"]: run for run in server.post("flow_runs/filter", {})}
            assert {name: run["state_name"] for name, run in found.items()} == {
                "whole": "Completed",
                "interrupted": "Running",
            }
            _recover(server, found["interrupted"], monkeypatch)
            server.succeed("flow-run", "retry", found["interrupted"]["id"])
            server.wait_for_state(found["interrupted"]["id"], "COMPLETED", timeout=90)

    again = {a["step"] for a in read_attempts(open_store(str(store)), "interrupted") if a["invocation"] == 2}
    assert 0 < len(committed) < MANY
    assert again == {"stage", "aggregate", *(f"shard-{shard:03d}" for shard in range(MANY))} - committed
    assert _result(store, "interrupted")["digest"] == _result(store, "whole")["digest"]


def _deploy(server: PrefectServer) -> None:
    """What a person types once, as the README tells it."""
    server.succeed(*prefect_arguments("--no-prompt work-pool create"))
    server.succeed(*prefect_arguments("--no-prompt deploy"))


def _recover(server: PrefectServer, run: Json, monkeypatch: pytest.MonkeyPatch) -> None:
    """Free the slot of a run that nobody works on any more, where no automation does it: it is silent, or named."""
    age = datetime.now(UTC) - datetime.fromisoformat(run["start_time"])
    monkeypatch.setattr(crash, "SILENCE", age - timedelta(seconds=5))  # it began, and beat, before that
    with temporary_settings({PREFECT_API_URL: server.api_url}):
        assert [str(silent.id) for silent in crash.silent()] == [run["id"]]
        resource = {"prefect.resource.id": f"prefect.flow-run.{run['id']}"}
        beat = {"event": crash.HEARTBEAT, "resource": resource, "related": [], "payload": {}}

        def beats() -> bool:
            """The server writes events down seconds later, so one beat could be too old when it is found."""
            body = [beat | {"id": str(uuid4()), "occurred": datetime.now(UTC).isoformat()}]
            httpx.post(f"{server.api_url}/events", json=body).raise_for_status()
            return crash.silent() == []

        wait_until(beats, timeout=20, what="a run that beats to be left alone")

    recover = partial(shardwise, "recover", cwd=server.home, PREFECT_API_URL=server.api_url)
    assert recover().stdout == "no run has been silent for 10 minutes\n"
    done = recover("interrupted")
    assert done.stdout == (
        f"interrupted was Running and is Crashed now; `prefect flow-run retry {run['id']}` resumes it\n"
    )
    again = recover("interrupted")
    assert (again.returncode, again.stderr) == (
        2,
        "shardwise: the flow run interrupted is Crashed: there is nothing to recover\n",
    )


def _kill_in_the_middle(worker: int, manifests: Path) -> None:
    wait_until(lambda: manifests.is_dir() and any(manifests.iterdir()), timeout=60, what="a committed shard")
    for process in [psutil.Process(worker), *psutil.Process(worker).children(recursive=True)]:
        os.kill(process.pid, signal.SIGKILL)


def _result(store: Path, run_id: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((store / "runs" / run_id / "result.json").read_text())
    return result
