"""The plain commands of a team with a server of its own, backed by PostgreSQL, and what survives a restart."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from shared.run.ledger import read_attempts
from shared.run.store import open_store
from tests.deployments.postgres import running_postgres
from tests.deployments.readme import prefect_arguments
from tests.prefect_server import PrefectServer, running_server, running_worker
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

POOL = "shardwise"
SAMPLE = "merge-customer-data/sample"
MANY = 100  # shards: enough to strike in their middle


@pytest.mark.timeout(240)
def test_runs_survive_a_killed_worker_and_a_restart(tmp_path: Path) -> None:
    """Deploy, run, kill -9 the worker in the middle of a run, restart the server: runs are found and can be resumed."""
    store, home = tmp_path / "store", tmp_path / "home"
    with running_postgres() as database:
        settings = {"PREFECT_SERVER_DATABASE_CONNECTION_URL": database}
        with running_server(home, **settings) as server:
            _deploy(server)
            with running_worker(server, POOL) as worker:
                _succeed(server, "deployment", "run", SAMPLE, *_parameters(store, "whole", 10), "--watch")
                _succeed(server, "deployment", "run", SAMPLE, *_parameters(store, "interrupted", MANY))
                _kill_in_the_middle(worker.pid, store / "runs/interrupted/manifests")
        committed = {path.stem for path in (store / "runs/interrupted/manifests").iterdir()}

        with running_server(home, **settings) as server, running_worker(server, POOL):
            found = {run["name"]: run for run in server.post("flow_runs/filter", {})}
            assert {name: run["state_name"] for name, run in found.items()} == {
                "whole": "Completed",
                "interrupted": "Running",
            }
            _resume(server, found["interrupted"]["id"])

    again = {a["step"] for a in read_attempts(open_store(str(store)), "interrupted") if a["invocation"] == 2}
    assert 0 < len(committed) < MANY
    assert again == {"stage", *(f"shard-{shard:03d}" for shard in range(MANY))} - committed
    assert _result(store, "interrupted")["digest"] == _result(store, "whole")["digest"]


def _deploy(server: PrefectServer) -> None:
    """What a person types once, as the README tells it."""
    _succeed(server, *prefect_arguments("--no-prompt work-pool create"))
    _succeed(server, *prefect_arguments("--no-prompt deploy"))


def _resume(server: PrefectServer, flow_run: str) -> None:
    """What a person does in the UI: change the state of the run that nobody works on any more, and retry it."""
    server.post(f"flow_runs/{flow_run}/set_state", {"state": {"type": "CRASHED", "message": "its worker was killed"}})
    _succeed(server, "flow-run", "retry", flow_run)

    def is_done() -> bool:
        state = server.get(f"flow_runs/{flow_run}")["state"]
        assert state["type"] not in {"FAILED", "CANCELLED"}, state["message"]
        return bool(state["type"] == "COMPLETED")

    wait_until(is_done, timeout=60, what="the end of the resumed run")


def _kill_in_the_middle(worker: int, manifests: Path) -> None:
    wait_until(lambda: manifests.is_dir() and any(manifests.iterdir()), timeout=60, what="a committed shard")
    for process in [psutil.Process(worker), *psutil.Process(worker).children(recursive=True)]:
        os.kill(process.pid, signal.SIGKILL)


def _succeed(server: PrefectServer, *command: str) -> None:
    done = server.prefect(*command)
    assert done.returncode == 0, done.stdout + done.stderr


def _parameters(store: Path, run_id: str, shards: int) -> list[str]:
    given = {"store_url": store, "run_id": run_id, "num_shards": shards}
    return [f"--param={name}={value}" for name, value in given.items()]


def _result(store: Path, run_id: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((store / "runs" / run_id / "result.json").read_text())
    return result
