"""Deployed runs whose worker, process or server dies: what goes on, what is noticed, what is freed."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import psutil
import pytest

from flows.on_prefect.operations import heartbeats
from tests.deployments.deployed import POOL, SAMPLE, SCHEDULED, SILENCE, deploy, set_up_automation
from tests.prefect_server import running_server, running_worker
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.prefect_server import PrefectServer

pytestmark = pytest.mark.servers

MANY = 100  # shards: enough to interrupt in their middle


@pytest.mark.timeout(400)
def test_a_run_outlives_its_worker_and_a_dead_one_is_noticed(tmp_path: Path) -> None:
    """A run that dies with its worker, the server too, is Crashed later; its slot is free, a retry resumes it.

    A kill -9 of the worker alone leaves the flow running: it commits everything and completes, with its log.
    """
    home = tmp_path / "home"
    with running_server(home) as server:
        deploy(server)
        assert [set_up_automation(server), set_up_automation(server)] == ["created", "updated"]
        with running_worker(server, POOL) as worker:
            lost = _start(server, SAMPLE, tmp_path, "lost")
            _kill_with_children(worker.pid)
    with running_server(home) as server:
        with running_worker(server, POOL) as worker:
            orphan = _start(server, SCHEDULED, tmp_path, "orphan")
            os.kill(worker.pid, signal.SIGKILL)
            server.wait_for_state(orphan, "COMPLETED", timeout=90)
        last = "event=attempt_done run_id=orphan step=aggregate"
        wait_until(lambda: last in " ".join(server.log(orphan, "DESC")), timeout=30, what="the end of the log")
        assert (tmp_path / "runs/orphan/result.json").exists()

        crashed = server.wait_for_state(lost, "CRASHED", timeout=SILENCE + 60)
        assert f"no heartbeat for {SILENCE} s" in crashed["state"]["message"]
        assert [limit["active_slots"] for limit in server.post("v2/concurrency_limits/filter", {})] == [0] * 10
        with running_worker(server, POOL):
            server.succeed("flow-run", "retry", lost)
            server.wait_for_state(lost, "COMPLETED", timeout=90)


def test_only_runs_of_ours_are_watched() -> None:
    """A run of another deployment beats every three minutes by default, and would count as dead."""
    trigger = heartbeats.automation().trigger.model_dump()
    assert trigger["match_related"] == {
        "prefect.resource.id": f"prefect.tag.{heartbeats.TAG}",
        "prefect.resource.role": "tag",
    }
    assert trigger["within"] >= 3 * heartbeats.HEARTBEAT


def _start(server: PrefectServer, deployment: str, store: Path, run_id: str) -> str:
    """A deployed run of many shards, some of which are committed."""
    parameters = {"data_url": "sample_data", "store_url": str(store), "run_id": run_id, "num_shards": MANY}
    flow_run_id = server.start(deployment, **parameters)
    manifests = store / "runs" / run_id / "manifests"
    wait_until(lambda: manifests.is_dir() and any(manifests.iterdir()), timeout=90, what="a committed shard")
    return flow_run_id


def _kill_with_children(worker: int) -> None:
    for process in [psutil.Process(worker), *psutil.Process(worker).children(recursive=True)]:
        process.kill()
