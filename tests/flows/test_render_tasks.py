"""The app on Render: what it declares, what it returns, how it recovers and how it fails."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flows.render_tasks import app
from shared.run.policy import run_policy, shard_policy
from tests.command import environment
from tests.flows.merging import TASK, merging_server
from tests.golden import GOLDEN_DIGEST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.render_dev.serving import Server

pytestmark = pytest.mark.servers

TASKS = {"stage", "process_shard", "aggregate", TASK, "run_pipeline"}
RENDER_WORKFLOWS = str(Path(sys.executable).with_name("render-workflows"))
JSON = dict[str, Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server of this file was started; its store is ``.shardwise`` there."""
    return tmp_path_factory.mktemp("render")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    """The local server with our app."""
    with merging_server(folder) as running:
        yield running


def python(code: str) -> str:
    """What a Python without warnings prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], env=environment(), capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_registering_imports_nothing_heavy_and_no_other_engine() -> None:
    """The app comes in without pandas, duckdb, pyarrow, pydantic and Prefect, and without a warning."""
    heavy = {"pandas", "numpy", "duckdb", "pyarrow", "pydantic", "prefect", "fsspec", "httpx"}
    assert python(f"import flows.render_tasks, sys; print({heavy} & set(sys.modules))") == "set()"


def test_the_old_name_of_the_sdk_brings_the_same_app() -> None:
    """Scripts that import ``render_sdk`` see our app as theirs, and only their own import is warned about."""
    code = """
import warnings
with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from render_sdk import Workflows
from flows.render_tasks import app
print(isinstance(app, Workflows))"""
    assert python(code) == "True"


def test_every_task_declares_the_policy() -> None:
    """Retries, waits and timeouts are the policy's, stated even where there are none, and plans fit the work."""
    declared = {name: app._registry.get_task(name) for name in app._registry.get_task_names()}
    assert set(declared) == TASKS
    for name, task in declared.items():
        policy = run_policy() if name in {TASK, "run_pipeline"} else shard_policy()
        assert task is not None
        assert task.options.retry is not None
        waits = [
            task.options.retry.wait_duration_ms / 1000 * task.options.retry.backoff_scaling**retry
            for retry in range(task.options.retry.max_retries)
        ]
        assert waits == [wait.total_seconds() for wait in policy.waits()]
        assert task.options.timeout_seconds == policy.timeout.total_seconds()
        assert 30 <= task.options.timeout_seconds <= 86_400
        assert task.options.plan == ("standard" if name == "stage" else "starter")


@pytest.mark.parametrize(
    "command", [(RENDER_WORKFLOWS, "flows.render_tasks:app"), (sys.executable, "-m", "flows.render_tasks")]
)
def test_both_documented_commands_start_a_worker(tmp_path: Path, command: tuple[str, ...]) -> None:
    """The SDK's program and our module register the same tasks and run them."""
    with merging_server(tmp_path, command) as server:
        assert {task["name"] for task in server.tasks()} == TASKS
        assert server.value(TASK, [{"num_shards": 1}])["digest"] == GOLDEN_DIGEST


def test_a_worker_started_by_hand_says_what_starts_it(tmp_path: Path) -> None:
    """Without a server the module ends with 1 and one line."""
    done = subprocess.run(
        [sys.executable, "-m", "flows.render_tasks"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "a Render server must start this worker; start the server with `shardwise render-dev`"
    ]


def test_no_arguments_merge_the_configured_data(server: Server, folder: Path) -> None:
    """``[]`` merges what the worker's settings name; the run is named after Render's, and its result is small."""
    details = server.finish(TASK)
    [result] = details["results"]
    assert (result["digest"], result["engine"], result["shards_processed"]) == (GOLDEN_DIGEST, "render", 10)
    assert result["run_id"] == f"render-{details['id']}"
    assert Path(result["output"]) == folder / ".shardwise/runs" / result["run_id"] / "profiles"
    assert len(json.dumps(result)) < 16_384


def test_some_fields_of_a_job_are_enough(server: Server, tmp_path: Path) -> None:
    """What is given counts, the rest comes from the settings."""
    result = server.value(TASK, [{"num_shards": 7, "run_id": "seven", "store_url": str(tmp_path)}])
    assert (result["digest"], result["shards_processed"], result["run_id"]) == (GOLDEN_DIGEST, 7, "seven")
    assert result["output"] == f"{tmp_path}/runs/seven/profiles"


def test_arguments_may_be_named(server: Server) -> None:
    """An object of named arguments is understood like a list."""
    assert server.value(TASK, {"job": {"num_shards": 1}})["shards_processed"] == 1


@pytest.mark.parametrize(
    ("task", "arguments", "message"),
    [
        (TASK, [{"shards": 7}], "TerminalError: a job has the unknown field shards; known are run_id,"),
        (TASK, [{"num_shards": 0}], "TerminalError: num_shards is 0; it must be a whole number from 1 to 10,000"),
        (TASK, [7], "TerminalError: the argument is 7; it must be a JSON object such as {'num_shards': 7}"),
        (TASK, [{"data_url": "nowhere"}], "TerminalError: crm.csv is missing in "),
        ("process_shard", [3], "TerminalError: process_shard needs the job of a run; start merge_customer_data"),
        ("process_shard", [3, {}], "TerminalError: a job lacks data_url, run_id, store_url"),
        ("stage", [{}], "TerminalError: a job lacks data_url, run_id, store_url"),
    ],
)
def test_wrong_arguments_are_explained(server: Server, task: str, arguments: list[Any], message: str) -> None:
    """The run fails with the type of the error, the value and what is wanted."""
    details = server.finish(task, arguments)
    assert details["status"] == "failed"
    assert details["error"].startswith(message)


def test_a_store_on_the_cloud_must_be_shared(tmp_path: Path) -> None:
    """On Render's cloud a store in a local folder is refused, naming the setting."""
    with merging_server(tmp_path, RENDER="true") as server:
        assert "set SHARDWISE_STORE_URL to a bucket" in server.finish(TASK, [{"data_url": "sample_data"}])["error"]


def test_the_cloud_takes_no_sample_by_itself(tmp_path: Path) -> None:
    """On Render's cloud a merge without data is refused, naming the setting; one that asks for the sample is not."""
    with merging_server(tmp_path, RENDER="true") as server:
        assert "set SHARDWISE_DATA_URL where this worker runs" in server.finish(TASK)["error"]
        assert "SHARDWISE_DATA_URL" not in server.finish(TASK, [{"data_url": "sample_data"}])["error"]


def test_the_tutorials_own_script_runs_unchanged(server: Server, tmp_path: Path) -> None:
    """A script that knows only the SDK's old name starts the merge and reads its counts."""
    script = tmp_path / "trigger.py"
    script.write_text(
        """
from render_sdk import Render

render = Render()
run = render.workflows.run_task("merge_customer_data", [])
merged = run.results[0]
print("Run started:", run.id)
print(f"Merged {merged['profiles_generated']} enriched profiles across {merged['shards_processed']} shards")
"""
    )
    address = {"RENDER_USE_LOCAL_DEV": "true", "RENDER_LOCAL_DEV_URL": server.url, "NO_PROXY": "localhost,127.0.0.1"}
    done = subprocess.run(
        [sys.executable, str(script)], env=environment(**address), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first.startswith("Run started: trn-")
    assert second == "Merged 1000 enriched profiles across 10 shards"
