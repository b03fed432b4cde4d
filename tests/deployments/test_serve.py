"""`make serve`, and running its deployments as a person does."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx
import psutil
import pytest

from flows.on_prefect.operations import automations
from tests.command import environment
from tests.deployments.conftest import serving
from tests.deployments.readme import prefect_arguments
from tests.prefect_server import ROOT, Json, PrefectServer, free_port
from tests.waiting import wait_until
from tests.webhook import listening

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.servers

SAMPLE = "merge-customer-data/customers-sample"
# A webhook of a team, as a block.
BLOCK = (
    "import sys; from prefect.blocks.notifications import CustomWebhookNotificationBlock; "
    "print(CustomWebhookNotificationBlock(name='team', url=sys.argv[1], "
    "json_data={'text': '{{subject}} {{body}}'}).save('team'))"
)
MANY = 80  # shards: enough to interrupt in their middle


def test_deployment_run_ends_in_completed(served: PrefectServer, tmp_path: Path) -> None:
    """`prefect deployment run --watch` of the sample completes, and its profiles are in the named store."""
    store = ["--param", f"store_url={tmp_path}", "--param", "run_id=deployed"]

    done = served.prefect("deployment", "run", SAMPLE, *store, "--flow-run-name", "by-a-person", "--watch")

    assert served.flow_run("deployed")["parameters"]["run_id"] == "deployed"  # it names the run
    assert (done.returncode, "Completed" in done.stdout) == (0, True), done.stdout + done.stderr
    result = json.loads((tmp_path / "runs/deployed/result.json").read_text())
    assert (result["engine"], result["profiles_generated"]) == ("prefect", 1_000)
    assert result["sample_profile"] is None  # the deployments keep cell values out


def test_wrong_parameter_is_refused(served: PrefectServer) -> None:
    """A wrong parameter is refused with its name or range, and no run is made."""
    before = served.post("flow_runs/count", {})
    wrong = {"num_shards=0": "minimum of 1", "num_shards=many": "many", "shards=3": "shards"}
    for parameter, said in wrong.items():
        refused = served.prefect("deployment", "run", SAMPLE, "--param", parameter)
        assert refused.returncode == 1
        assert said in refused.stdout + refused.stderr
    assert served.post("flow_runs/count", {}) == before


def test_deployments_as_declared(served: PrefectServer) -> None:
    """Each deployment runs in this checkout, one run at a time, tagged and beating, its parameters described.

    Those of version 0.2 are there, too.
    """
    deployments = served.post("deployments/filter", {})
    names = ["customers-sample", "customers-scheduled", "parity-sample", "parity-scheduled", "pipeline-any"]
    earlier = ["any", "sample", "sample", "scheduled", "scheduled"]
    assert sorted(d["name"] for d in deployments) == sorted([*names, *earlier])
    for deployment in deployments:
        (pull,) = deployment["pull_steps"]
        assert pull["prefect.deployments.steps.set_working_directory"]["directory"] == str(ROOT)
        assert deployment["global_concurrency_limit"]["limit"] == 1
        waits = "CANCEL_NEW" if "scheduled" in deployment["name"] else "ENQUEUE"
        assert deployment["concurrency_options"]["collision_strategy"] == waits
        variables = deployment["job_variables"]["env"]
        assert variables["SHARDWISE_REDACT"] == "true"
        assert variables["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"] == f"{automations.HEARTBEAT.total_seconds():g}"
        assert automations.TAG in deployment["tags"]
        assert "$" not in json.dumps(deployment["job_variables"])  # a variable that was not set when it was deployed
        assert all(field["description"] for field in deployment["parameter_openapi_schema"]["properties"].values())


def test_runs_that_people_start_wait_for_each_other(served: PrefectServer, tmp_path: Path) -> None:
    """Of two runs started at once both end well, one after the other."""
    ids = [served.start(SAMPLE, store_url=str(tmp_path), run_id=name, num_shards=20) for name in ("first", "second")]
    one, other = sorted((served.wait_for_state(each, "COMPLETED") for each in ids), key=lambda run: run["end_time"])
    assert one["end_time"] <= other["start_time"]


def test_a_schedule_fires_and_is_left_alone(served: PrefectServer) -> None:
    """A schedule that was added fires; when all is deployed again it stays resumed, and another stays paused.

    The run that it starts merges no sample: nobody named any data, and it says where to.
    """
    scheduled = "merge-customer-data/customers-scheduled"
    deployment = served.get(f"deployments/name/{scheduled}")["id"]
    soon = (datetime.now(UTC) + timedelta(seconds=8)).isoformat()
    served.succeed("deployment", "schedule", "create", scheduled, "--interval", "86400", "--anchor-date", soon)
    paused = {"active": False, "schedule": {"interval": 86400}}
    served.post(f"deployments/{deployment}/schedules", [paused])
    (run,) = wait_until(lambda: _runs_of(served, "customers-scheduled"), timeout=30, what="a scheduled run")[:1]
    refused = served.wait_for_state(run["id"], "FAILED")
    assert "set SHARDWISE_DATA_URL where this worker runs" in refused["state"]["message"]

    before = {schedule["id"]: schedule["active"] for schedule in _schedules(served)}
    assert sorted(before.values()) == [False, True]
    served.succeed(*prefect_arguments("--no-prompt deploy"))
    assert {schedule["id"]: schedule["active"] for schedule in _schedules(served)} == before


@pytest.mark.timeout(300)
def test_an_end_is_the_end_of_everything(tmp_path: Path) -> None:
    """Ctrl-C or kill -9 in the middle of a run ends it, the worker and the server.

    After the next start both runs resume by themselves, one after the other, and complete.
    """
    with serving(tmp_path) as (server, process):
        assert server.url in (tmp_path / "serve.log").read_text()
        _cut_off(server, process, tmp_path, signal.SIGINT)
        assert process.returncode == 0
    with serving(tmp_path) as (server, process):
        _cut_off(server, process, tmp_path, signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
    with serving(tmp_path) as (server, _):
        for run_id in ("SIGINT", "SIGKILL"):
            run = server.wait_for_state(_of_run_id(server, run_id)["id"], "COMPLETED", timeout=150)
            assert run["run_count"] == 2


def test_a_failed_parity_check_notifies(served: PrefectServer, tmp_path: Path) -> None:
    """A scheduled one compares no sample by itself; the example automation tells a team that it has failed."""
    with listening() as (url, heard):
        block = subprocess.run(
            [sys.executable, "-c", BLOCK, url], env=served.environment(), capture_output=True, text=True, check=True
        ).stdout.strip()
        example = (ROOT / "deployments/notify.yaml").read_text(encoding="utf-8")
        automation = tmp_path / "notify.yaml"
        automation.write_text(example.replace("00000000-0000-0000-0000-000000000000", block), encoding="utf-8")
        served.succeed("automation", "create", "--from-file", str(automation))

        refused = served.wait_for_state(served.start("parity-check/parity-scheduled"), "FAILED")

        assert "set SHARDWISE_DATA_URL where this worker runs" in refused["state"]["message"]
        text = wait_until(lambda: "".join(heard), timeout=30, what="a notification")
    assert f"The parity check {refused['name']} is Failed" in text
    assert "set SHARDWISE_DATA_URL" in text


def test_port_in_use_is_one_message(tmp_path: Path) -> None:
    """A port that is in use ends the command with one message and exit code 2."""
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = str(busy.getsockname()[1])
        command = [sys.executable, "-m", "flows.on_prefect.operations.serve", "--port", port]
        env = environment(PREFECT_HOME=str(tmp_path))
        refused = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert re.fullmatch(rf"serve: port {port} cannot be used: .*\n", refused.stderr)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"PREFECT_API_AUTH_STRING": "a:b", "PREFECT_SERVER_API_AUTH_STRING": "c:d"},
            "PREFECT_SERVER_API_AUTH_STRING and PREFECT_API_AUTH_STRING differ",
        ),
        ({"PREFECT_HOME": "/dev/null/home"}, "Prefect keeps its files in /dev/null/home, which cannot be written"),
        ({"SSL_CERT_FILE": "/nowhere.pem"}, "the certificates in /nowhere.pem, which SSL_CERT_FILE names, cannot be"),
        ({"PREFECT_SERVER_API_PORT": "many"}, "Prefect's setting port (ServerAPISettings) is 'many'"),
    ],
)
def test_a_start_that_fails_is_one_sentence(tmp_path: Path, settings: dict[str, str], said: str) -> None:
    """What cannot work is named before anything starts; Prefect itself may say something before."""
    command = [sys.executable, "-m", "flows.on_prefect.operations.serve", "--port", str(free_port())]
    env = environment(**({"PREFECT_HOME": str(tmp_path)} | settings))
    refused = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.splitlines()[-1].startswith(f"serve: {said}")
    assert "Traceback" not in refused.stderr


def _cut_off(server: PrefectServer, process: subprocess.Popen[bytes], folder: Path, strike: signal.Signals) -> None:
    """End `make serve` in the middle of a run that has the signal's name, and see all its processes gone."""
    manifests = folder / "store/runs" / strike.name / "manifests"
    server.start(SAMPLE, store_url=str(folder / "store"), run_id=strike.name, num_shards=MANY)
    wait_until(lambda: manifests.is_dir() and any(manifests.iterdir()), timeout=60, what="a committed shard")
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) > 3  # server, worker, flow, isolated shards

    process.send_signal(strike)

    process.wait(60)
    wait_until(lambda: not any(member.is_running() for member in family), timeout=20, what="the end of its processes")
    assert len(list(manifests.iterdir())) < MANY
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url)


def _of_run_id(server: PrefectServer, run_id: str) -> Json:
    """The flow run that was started with a run_id."""
    (run,) = [run for run in server.post("flow_runs/filter", {}) if run["parameters"].get("run_id") == run_id]
    found: Json = run
    return found


def _runs_of(server: PrefectServer, deployment: str) -> list[Json]:
    """The runs of a deployment of the merge, the next first."""
    name = {"name": {"any_": [deployment]}}
    runs: list[Json] = server.post("flow_runs/filter", {"deployments": name, "sort": "EXPECTED_START_TIME_ASC"})
    return runs


def _schedules(server: PrefectServer) -> list[Json]:
    return [schedule for deployment in server.post("deployments/filter", {}) for schedule in deployment["schedules"]]
