"""The merge as a Prefect flow, on a real server: what Prefect's API, the ledger and the store say must agree."""

from __future__ import annotations

import json
import re
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from flows.local import run_job
from flows.prefect_flow import merge_customer_data, run_pipeline
from shared.run.ledger import read_attempts
from shared.run.listing import list_runs
from shared.run.new_job import make_job
from shared.run.policy import shard_policy
from shared.run.run import Run
from shared.run.settings import MAX_SHARDS
from shared.run.store import open_store
from tests.flows.prefect_driving import WAIT_SCALE, Driver, Ended, driving
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.prefect_server import PrefectServer

pytestmark = pytest.mark.servers

SHARDS = 10
PLANNED_WAITS = [2 * WAIT_SCALE, 3 * WAIT_SCALE]  # seconds
SLOW_MACHINE = 2.0  # seconds a wait may last longer than planned
BAD_PARAMETERS: dict[str, dict[str, Any]] = {
    "no shards": {"num_shards": 0},
    "too many shards": {"num_shards": MAX_SHARDS + 1},
    "a path as run_id": {"run_id": "../elsewhere"},
    "no number of rejects": {"max_rejects": "some"},
    "a share as a number": {"max_rejects": 0.5},
    "an unknown fault": {"faults": [{"kind": "flood", "step": "shard-000", "attempts": [1]}]},
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store all runs of this module share, their staging included."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def local_digest(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The digest of the reference engine over the committed sample."""
    job = make_job(store_url=str(tmp_path_factory.mktemp("local")))
    digest: str = run_job(job, 1, shard_policy())["digest"]
    return digest


@pytest.fixture(scope="module")
def recovered(driver: Driver, store: Path) -> Ended:
    """A run whose shard 3 failed twice."""
    fault = {"kind": "exception", "step": "shard-003", "attempts": [1, 2]}
    return driver.run(store_url=str(store), num_shards=SHARDS, faults=[fault])


@pytest.fixture(scope="module")
def failed(driver: Driver, store: Path) -> Ended:
    """A run in which two shards fail: shard 3 because of bad input, shard 7 after all retries."""
    terminal = {"kind": "terminal", "step": "shard-003", "attempts": [1]}
    unlucky = {"kind": "exception", "step": "shard-007", "attempts": [1, 2, 3, 4]}
    return driver.run(store_url=str(store), num_shards=SHARDS, run_id="failed-for-good", faults=[terminal, unlucky])


def test_shard_recovers(recovered: Ended, local_digest: str) -> None:
    """A shard that fails twice recovers, and the run has the digest of the engine without an orchestrator."""
    assert (recovered.state, recovered.error) == ("Completed", "")
    assert recovered.result["digest"] == local_digest
    assert [timing["attempt"] for timing in recovered.result["shard_timings"]] == [1, 1, 1, 3, 1, 1, 1, 1, 1, 1]


@pytest.mark.parametrize("shards", [1, 7])
def test_digest_is_free_of_the_number_of_shards(driver: Driver, store: Path, local_digest: str, shards: int) -> None:
    """Any number of shards gives the digest of engine local."""
    assert driver.run(store_url=str(store), num_shards=shards).result["digest"] == local_digest


def test_attempts_agree(prefect_server: PrefectServer, recovered: Ended, store: Path) -> None:
    """Prefect's record and the ledger tell the same attempts of every step."""
    runs = prefect_server.ended_task_runs(recovered.flow_run_id, SHARDS + 2)
    in_prefect = {run["name"]: run["run_count"] for run in runs}
    outcomes = _outcomes(store, recovered.result["run_id"], invocation=1)

    assert in_prefect == {step: len(ends) for step, ends in outcomes.items()}
    assert outcomes["shard-003"] == ["failed", "failed", "committed"]


def test_delays_agree(prefect_server: PrefectServer, recovered: Ended, store: Path) -> None:
    """The waits before the second and third attempt are the policy's, in Prefect's record and in the ledger."""
    runs = {run["name"]: run for run in prefect_server.ended_task_runs(recovered.flow_run_id, SHARDS + 2)}
    states = prefect_server.states(runs["shard-003"]["id"])
    names = [state["name"] for state in states]
    waiting = [state for state in states if state["name"] == "AwaitingRetry"]
    promised = [_seconds(s["timestamp"], s["state_details"]["scheduled_time"]) for s in waiting]
    kept = [_seconds(s["timestamp"], again["timestamp"]) for s, again in pairwise(states) if s in waiting]
    attempts = [
        a for a in read_attempts(open_store(str(store)), recovered.result["run_id"]) if a["step"] == "shard-003"
    ]
    ledger = [_seconds(a["end"]["ended_at"], b["claimed_at"]) for a, b in pairwise(attempts)]

    assert names == ["Pending", "Running", "AwaitingRetry", "Retrying", "AwaitingRetry", "Retrying", "Completed"]
    assert promised == pytest.approx(PLANNED_WAITS, abs=0.05)
    for planned, in_prefect, in_ledger in zip(PLANNED_WAITS, kept, ledger, strict=True):
        assert planned - 0.02 < in_prefect <= in_ledger + 0.02 < planned + SLOW_MACHINE


def test_log_tells_each_attempt(prefect_server: PrefectServer, recovered: Ended) -> None:
    """Prefect's log view has a line for the start and the end of each attempt, with run, shard and number."""
    second = f"run_id=prefect-{recovered.flow_run_id} step=shard-003 attempt=2"

    def lines() -> list[str]:
        log = prefect_server.log(recovered.flow_run_id)
        return log if any("step=shard-009" in line and "attempt_done" in line for line in log) else []

    log = wait_until(lines, timeout=30, what="the last shard's line in the log")
    assert f"event=attempt_started {second}" in log
    assert not any("Timeout of" in line for line in log)  # Prefect cannot stop a thread, and is not asked to
    assert any(
        line.startswith(f"event=attempt_failed {second} elapsed_ms=") and "planned fault" in line for line in log
    )
    assert (
        sum(line.startswith("event=attempt_started") for line in log) == SHARDS + 2 + 2
    )  # shards, staging and aggregation, retries


def test_names(prefect_server: PrefectServer, recovered: Ended, failed: Ended) -> None:
    """A flow run is named after the run_id that it was given, else as Prefect did; a task run after its step."""
    flow_runs = [prefect_server.get(f"flow_runs/{ended.flow_run_id}")["name"] for ended in (recovered, failed)]
    steps = {run["name"] for run in prefect_server.ended_task_runs(recovered.flow_run_id, SHARDS + 2)}
    assert re.fullmatch("[a-z]+-[a-z]+", flow_runs[0])
    assert flow_runs[1] == "failed-for-good"
    assert steps == {"stage", "aggregate", *(f"shard-{shard:03d}" for shard in range(SHARDS))}


def test_numbers_are_taken(driver: Driver, store: Path) -> None:
    """A run_id and a limit of rejects that Prefect's command reads as numbers name the run and limit it."""
    ended = driver.run(store_url=str(store), num_shards=2, run_id=20261123, max_rejects=10)
    assert ended.result["run_id"] == "20261123"
    job = json.loads((store / "runs/20261123/job.json").read_text())["job"]
    assert job["parameters"]["max_rejects"] == "10"


def test_faults_are_refused_where_none_are_allowed(prefect_server: PrefectServer, tmp_path: Path) -> None:
    """Without SHARDWISE_ALLOW_FAULTS a plan fails the run before any step; no form shows that there is one."""
    fault = {"kind": "kill", "step": "stage", "attempts": [1]}
    with driving(prefect_server, SHARDWISE_ALLOW_FAULTS="false") as careful:
        refused = careful.run(store_url=str(tmp_path), faults=[fault])
    assert refused.state == "Failed"
    assert "SHARDWISE_ALLOW_FAULTS" in refused.error
    assert not (tmp_path / "runs").exists()
    for flow in (merge_customer_data, run_pipeline):
        assert "faults" not in flow.parameters.properties


def test_how_a_run_ended_is_written_down(recovered: Ended, failed: Ended, store: Path) -> None:
    """The list of runs calls a failed one failed, and says who ran it."""
    assert (recovered.state, failed.state) == ("Completed", "Failed")
    runs = {run.run_id: run for run in list_runs(open_store(str(store)))}
    assert (runs["failed-for-good"].state, runs["failed-for-good"].engine) == ("failed", "prefect")
    assert runs[recovered.result["run_id"]].state == "finished"


def test_failed_run_names_its_shards(failed: Ended, store: Path) -> None:
    """A run with shards that failed after all retries fails, names each of them, and keeps the others committed."""
    job = make_job(run_id="failed-for-good", store_url=str(store))
    run = Run(job, open_store(str(store)))
    assert failed.state == "Failed"
    assert "2 of the run's shards failed" in failed.error
    assert "shard 3: TerminalError: planned fault" in failed.error
    assert "shard 7: TransientError: planned fault" in failed.error
    assert run.committed() >= set(range(SHARDS)) - {3, 7}


def test_terminal_error_is_not_retried(prefect_server: PrefectServer, failed: Ended, store: Path) -> None:
    """A shard whose input is bad gets one attempt; one that may recover gets all four.

    Prefect logs the bad input in lines without a traceback.
    """
    outcomes = _outcomes(store, "failed-for-good", invocation=1)
    runs = [run for run in prefect_server.task_runs(failed.flow_run_id) if run["flow_run_run_count"] == 1]
    counts = {run["name"]: run["run_count"] for run in runs}
    assert (outcomes["shard-003"], outcomes["shard-007"]) == (["failed"], ["failed"] * 4)
    assert (counts["shard-003"], counts["shard-007"]) == (1, 4)
    said = [line for line in prefect_server.log(failed.flow_run_id) if "TerminalError" in line or "Failed(" in line]
    assert any("Finished in state Failed('planned fault: terminal" in line for line in said)
    assert not [line for line in said if "Traceback" in line]


def test_flow_run_retry_does_only_what_is_missing(
    prefect_server: PrefectServer, failed: Ended, store: Path, local_digest: str
) -> None:
    """`prefect flow-run retry` of a failed run finishes it, and touches no shard that is committed."""
    assert not (store / "runs/failed-for-good/result.json").exists()

    entrypoint = "flows/prefect_flow.py:merge_customer_data"
    retried = prefect_server.prefect("flow-run", "retry", failed.flow_run_id, "--entrypoint", entrypoint)

    assert retried.returncode == 0, retried.stdout + retried.stderr
    result = json.loads((store / "runs/failed-for-good/result.json").read_text())
    outcomes = _outcomes(store, "failed-for-good", invocation=2)
    assert result["digest"] == local_digest
    assert outcomes == {
        "stage": ["reused"],
        "shard-003": ["committed"],
        "shard-007": ["committed"],
        "aggregate": ["committed"],
    }


def test_same_run_id_resumes(driver: Driver, store: Path, local_digest: str) -> None:
    """Another flow run with the run_id of a failed one does only what is missing."""
    parameters: dict[str, Any] = {"store_url": str(store), "num_shards": 7, "run_id": "resumed"}
    fault = {"kind": "terminal", "step": "shard-002", "attempts": [1]}
    assert driver.run(**parameters, faults=[fault]).state == "Failed"

    resumed = driver.run(**parameters)

    assert resumed.result["digest"] == local_digest
    assert _outcomes(store, "resumed", invocation=2) == {
        "stage": ["reused"],
        "shard-002": ["committed"],
        "aggregate": ["committed"],
    }


@pytest.mark.parametrize("parameters", BAD_PARAMETERS.values(), ids=list(BAD_PARAMETERS))
def test_bad_parameter_is_refused(
    driver: Driver, prefect_server: PrefectServer, tmp_path: Path, parameters: dict[str, Any]
) -> None:
    """A parameter out of its range fails the run before any task, and leaves the store untouched."""
    refused = driver.run(store_url=str(tmp_path / "store"), **parameters)
    assert refused.state == "Failed"
    assert next(iter(parameters)).removesuffix("s") in refused.error
    assert prefect_server.task_runs(refused.flow_run_id) == []
    assert not (tmp_path / "store").exists()


def test_nothing_is_pickled(prefect_server: PrefectServer, recovered: Ended, failed: Ended) -> None:
    """What Prefect keeps of results, the errors of failed runs included, is JSON; results of tasks are not kept."""
    files = sorted((prefect_server.home / "storage").iterdir())
    kept = [json.loads(file.read_bytes()) for file in files]
    serializers = {value["metadata"]["serializer"]["type"] for value in kept if "metadata" in value}
    assert files
    assert serializers <= {"json"}
    assert {recovered.result["digest"]} <= {value.get("digest") for value in kept}
    assert not any("shard_id" in value for value in kept)
    assert failed.state == "Failed"


def _outcomes(store: Path, run_id: str, *, invocation: int) -> dict[str, list[str]]:
    """How the attempts of one start of a run ended, by step."""
    outcomes: dict[str, list[str]] = {}
    for attempt in read_attempts(open_store(str(store)), run_id):
        if attempt["invocation"] == invocation:
            outcomes.setdefault(attempt["step"], []).append(attempt["end"]["outcome"])
    return outcomes


def _seconds(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
