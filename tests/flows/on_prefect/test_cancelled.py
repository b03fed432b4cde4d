"""A run of the command that is cancelled on Prefect's server."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.command import SHARDWISE
from tests.prefect_server import reap
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.prefect_server import PrefectServer

pytestmark = pytest.mark.servers

MANY = 400  # shards: enough to cancel in their middle


def test_it_stops_and_publishes_nothing(prefect_server: PrefectServer, tmp_path: Path) -> None:
    """It ends as an interrupted command does, its flow run is Cancelled, what is committed stays."""
    command = [SHARDWISE, "run", "--run-id", "unwanted", "--shards", str(MANY), "--store", str(tmp_path)]
    env = prefect_server.environment()
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    manifests = tmp_path / "runs/unwanted/manifests"
    try:
        wait_until(lambda: manifests.is_dir() and any(manifests.iterdir()), timeout=90, what="a committed shard")
        flow_run = prefect_server.flow_run("unwanted")["id"]
        prefect_server.post(f"flow_runs/{flow_run}/set_state", {"state": {"type": "CANCELLING"}})
        output, errors = process.communicate(timeout=60)
    finally:
        reap(process)
    assert (process.returncode, output) == (130, "")
    assert "the flow run was cancelled on Prefect's server; committed shards stay" in errors
    assert prefect_server.get(f"flow_runs/{flow_run}")["state_type"] == "CANCELLED"
    assert f"flow run: {prefect_server.url}/runs/flow-run/{flow_run}\n" in errors
    assert not (tmp_path / "runs/unwanted/result.json").exists()
    assert 0 < len(list(manifests.iterdir())) < MANY
    summary = prefect_server.artifacts(flow_run)["customers-summary"]["data"]
    assert summary.startswith("# unwanted: cancelled\n\nThis run was cancelled on Prefect's server.")
