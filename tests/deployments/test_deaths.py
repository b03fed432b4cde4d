"""Deployed runs whose worker, process or server dies: what continues, what is noticed, what is freed."""

from __future__ import annotations

import os
import signal
from inspect import isfunction
from typing import TYPE_CHECKING

import psutil
import pytest
from prefect import states

from flows.on_prefect.operations import automations
from shared.run.job import CUSTOMERS
from tests.deployments.deployed import ANY, POOL, SAMPLE, SCHEDULED, SILENCE, deploy, set_up_automations
from tests.prefect_server import running_server, running_worker
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.prefect_server import PrefectServer

pytestmark = pytest.mark.servers

MANY = 100  # shards: enough to interrupt in their middle


@pytest.mark.timeout(600)
def test_lost_runs_recover(tmp_path: Path) -> None:
    """A run that dies with its worker completes on another worker, with nobody's help; a suspended one stays suspended.

    One that is cancelled while its worker is gone ends as cancelled, also where the server is restarted meanwhile. A
    kill -9 of the worker alone leaves the flow running: it completes, with its log.
    """
    home = tmp_path / "home"
    with running_server(home) as server:
        deploy(server)
        silences = (SILENCE + 5, SILENCE, SILENCE)
        assert [set_up_automations(server, each) for each in silences] == ["created", "kept updated", "kept"]
        with running_worker(server, POOL) as worker:
            suspended = _start(server, ANY, tmp_path, "suspended", pipeline=CUSTOMERS)
            suspend = {"type": "PAUSED", "name": "Suspended", "state_details": {"pause_reschedule": True}}
            server.post(f"flow_runs/{suspended}/set_state", {"state": suspend})
            lost = _start(server, SAMPLE, tmp_path, "lost")  # the last: it must not complete before it is killed
            _kill_with_children(worker.pid)
        crashed = server.wait_for_state(lost, "CRASHED", timeout=SILENCE + 60)
        assert f"no heartbeat for {SILENCE} s" in crashed["state"]["message"]
        with running_worker(server, POOL) as worker:
            assert server.wait_for_state(lost, "COMPLETED", timeout=180)["run_count"] == 2
            assert server.get(f"flow_runs/{suspended}")["state_name"] == "Suspended"
            cancelled = _start(server, SCHEDULED, tmp_path, "cancelled")
            _kill_with_children(worker.pid)
            server.post(f"flow_runs/{cancelled}/set_state", {"state": {"type": "CANCELLING"}})
            wait_until(lambda: "Cancelling" in _events(server, cancelled), timeout=30, what="the event of the cancel")
    with running_server(home) as server:
        server.wait_for_state(cancelled, "CANCELLED", timeout=SILENCE + 60)
        assert [limit["active_slots"] for limit in server.post("v2/concurrency_limits/filter", {})] == [0] * 10
        with running_worker(server, POOL) as worker:
            orphan = _start(server, SCHEDULED, tmp_path, "orphan")
            os.kill(worker.pid, signal.SIGKILL)
            server.wait_for_state(orphan, "COMPLETED", timeout=90)
        last = "event=attempt_done run_id=orphan step=aggregate"
        wait_until(lambda: last in " ".join(server.log(orphan, "DESC")), timeout=30, what="the end of the log")
        assert (tmp_path / "runs/orphan/result.json").exists()


def test_only_runs_of_ours_are_watched() -> None:
    """A run of another deployment beats every three minutes by default, and would count as dead."""
    for automation in automations.automations():
        trigger = automation.trigger.model_dump()
        for each in trigger.get("triggers", [trigger]):
            tag = {"prefect.resource.id": f"prefect.tag.{automations.TAG}", "prefect.resource.role": "tag"}
            assert each["match_related"] == tag
    assert automations.SILENCE >= 3 * automations.HEARTBEAT


def test_every_state_is_known() -> None:
    """Each state that Prefect's own functions make is one with a process, or one without."""
    makers = [value for name, value in vars(states).items() if name[0].isupper() and isfunction(value)]
    made = {maker().name for maker in makers}
    assert len(made) > 10
    assert made <= {*automations.SILENT, *automations.BUSY, automations.CRASHED}


def _start(server: PrefectServer, deployment: str, store: Path, run_id: str, **more: str) -> str:
    """A deployed run of many shards, some of which are committed."""
    parameters = {"data_url": "sample_data", "store_url": str(store), "run_id": run_id, "num_shards": MANY}
    flow_run_id = server.start(deployment, **parameters, **more)
    manifests = store / "runs" / run_id / "manifests"
    wait_until(lambda: manifests.is_dir() and any(manifests.iterdir()), timeout=90, what="a committed shard")
    return flow_run_id


def _events(server: PrefectServer, flow_run_id: str) -> set[str]:
    """The names of the events of a flow run, without their prefix."""
    of_run = {"filter": {"resource": {"id": [f"prefect.flow-run.{flow_run_id}"]}}}
    return {
        event["event"].removeprefix("prefect.flow-run.") for event in server.post("events/filter", of_run)["events"]
    }


def _kill_with_children(worker: int) -> None:
    for process in [psutil.Process(worker), *psutil.Process(worker).children(recursive=True)]:
        process.kill()
