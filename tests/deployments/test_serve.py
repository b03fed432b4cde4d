"""`make serve`, and running its deployments as a person does."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx
import psutil
import pytest

from tests.command import environment
from tests.deployments.conftest import serving
from tests.prefect_server import ROOT, PrefectServer
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

SAMPLE = "merge-customer-data/sample"
MANY = 400  # shards: enough to strike in their middle


def test_deployment_run_ends_in_completed(served: PrefectServer, tmp_path: Path) -> None:
    """`prefect deployment run --watch` of the sample completes, and its profiles are where it was told."""
    store = ["--param", f"store_url={tmp_path}", "--param", "run_id=deployed"]

    done = served.prefect("deployment", "run", SAMPLE, *store, "--watch")

    assert (done.returncode, "Completed" in done.stdout) == (0, True), done.stdout + done.stderr
    result = json.loads((tmp_path / "runs/deployed/result.json").read_text())
    assert (result["engine"], result["profiles_generated"]) == ("prefect", 1_000)
    assert result["sample_profile"] is None  # the deployments keep cell values out


@pytest.mark.parametrize(
    ("parameter", "said"), [("num_shards=0", "minimum of 1"), ("num_shards=many", "many"), ("shards=3", "shards")]
)
def test_wrong_parameter_is_refused(served: PrefectServer, parameter: str, said: str) -> None:
    """A wrong parameter is refused with its name or range, and no run is made."""
    before = served.post("flow_runs/count", {})
    refused = served.prefect("deployment", "run", SAMPLE, "--param", parameter)
    assert refused.returncode == 1
    assert said in refused.stdout + refused.stderr
    assert served.post("flow_runs/count", {}) == before


def test_deployments_as_declared(served: PrefectServer) -> None:
    """Each deployment runs in this checkout, one run at a time, its parameters described, its schedule not active."""
    deployments = served.post("deployments/filter", {})
    schedules = [(s["slug"], s["active"]) for deployment in deployments for s in deployment["schedules"]]
    assert sorted(d["name"] for d in deployments) == ["sample", "sample", "scheduled"]
    assert sorted(schedules) == [("nightly", False), ("weekly", False)]
    for deployment in deployments:
        (pull,) = deployment["pull_steps"]
        assert pull["prefect.deployments.steps.set_working_directory"]["directory"] == str(ROOT)
        assert deployment["global_concurrency_limit"]["limit"] == 1
        assert deployment["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"
        assert deployment["job_variables"]["env"]["SHARDWISE_REDACT"] == "true"
        assert "$" not in json.dumps(deployment["job_variables"])  # a variable that was not set when it was deployed
        assert all(field["description"] for field in deployment["parameter_openapi_schema"]["properties"].values())


@pytest.mark.parametrize(("strike", "status"), [(signal.SIGINT, 0), (signal.SIGKILL, -signal.SIGKILL)])
def test_an_end_is_the_end_of_everything(tmp_path: Path, strike: signal.Signals, status: int) -> None:
    """Ctrl-C or kill -9 in the middle of a run ends it, the worker and the server, and frees the port."""
    manifests = tmp_path / "store/runs/cut-off/manifests"
    given = [f"--param=store_url={tmp_path / 'store'}", "--param=run_id=cut-off", f"--param=num_shards={MANY}"]
    with serving(tmp_path) as (server, process):
        assert server.url in (tmp_path / "serve.log").read_text()
        assert server.prefect("deployment", "run", SAMPLE, *given).returncode == 0
        wait_until(lambda: manifests.is_dir() and any(manifests.iterdir()), timeout=60, what="a committed shard")
        family = psutil.Process(process.pid).children(recursive=True)

        process.send_signal(strike)

        assert process.wait(60) == status
        wait_until(
            lambda: not any(member.is_running() for member in family), timeout=20, what="the end of its processes"
        )
        assert len(family) > 3  # server, worker, flow, isolated shards
        assert len(list(manifests.iterdir())) < MANY
        with pytest.raises(httpx.ConnectError):
            httpx.get(server.url)


def test_port_in_use_is_one_message(tmp_path: Path) -> None:
    """A port that is in use ends the command with one message and exit code 2."""
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = str(busy.getsockname()[1])
        command = [sys.executable, "-m", "flows.on_prefect.serve", "--port", port]
        env = environment(PREFECT_HOME=str(tmp_path))
        refused = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert re.fullmatch(rf"serve: port {port} cannot be used: .*\n", refused.stderr)
