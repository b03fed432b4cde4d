"""The app on Render when something breaks: attempts recover, kills cost an attempt, a failed shard fails no other."""

from __future__ import annotations

import os
import signal
from datetime import date
from typing import TYPE_CHECKING

import pytest

from flows.on_render.crash_hook import record
from shared.customers.generate import generate
from shared.run.policy import shard_policy
from tests.flows.merging import TASK, fault, ledger_of, merging_server, shard_run
from tests.golden import GOLDEN_DIGEST
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.render_dev.serving import Server

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server of this file was started; its store is ``.shardwise`` there."""
    return tmp_path_factory.mktemp("render")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    """The local server with our app, and four shards a run."""
    with merging_server(folder, SHARDWISE_NUM_SHARDS="4") as running:
        yield running


def test_a_shard_that_fails_twice_recovers_and_the_client_sees_one_success(server: Server, folder: Path) -> None:
    """The SDK's own client gets the result; Render's record and the ledger agree on three attempts."""
    with server.sdk() as workflows:
        details = workflows.run_task(TASK, [{"faults": [fault("exception", 3, 1, 2)]}])
    [result] = details.results
    assert (details.status, result["digest"]) == ("completed", GOLDEN_DIGEST)
    assert result["shard_timings"][3]["attempt"] == 3
    ledger = ledger_of(folder, result["run_id"], "shard-003")
    assert [attempt["end"]["outcome"] for attempt in ledger] == ["failed", "failed", "committed"]
    recorded = shard_run(server, details.id, 3)
    assert [attempt["status"] for attempt in recorded["attempts"]] == ["failed", "failed", "completed"]
    assert recorded["attempts"][0]["error"] == "TransientError: planned fault: exception"


@pytest.mark.parametrize("kind", ["kill", "torn_write", "crash_after_commit"])
def test_a_killed_worker_recovers(server: Server, folder: Path, kind: str) -> None:
    """A kill -9 in a shard costs one attempt, in Render's record and in the ledger, and changes no profile."""
    details = server.finish(TASK, [{"faults": [fault(kind, 2, 1)]}])
    [result] = details["results"]
    assert result["digest"] == GOLDEN_DIGEST
    recorded = shard_run(server, details["id"], 2)
    assert [attempt["status"] for attempt in recorded["attempts"]] == ["failed", "completed"]
    assert recorded["attempts"][0]["error"].endswith("signal: killed")
    first, second = ledger_of(folder, result["run_id"], "shard-002")
    assert (first["end"]["ended_by"], first["end"]["outcome"]) == ("watcher", "died")
    assert second["end"]["outcome"] == ("already_committed" if kind == "crash_after_commit" else "committed")


def test_a_worker_killed_from_outside_recovers(server: Server, folder: Path, tmp_path: Path) -> None:
    """A kill -9 of the process that the ledger names, in the middle of a shard, costs one attempt."""
    generate(tmp_path, customers=50_000, seed=1, as_of=date(2026, 1, 31))
    job = {"data_url": str(tmp_path), "num_shards": 2, "run_id": "shot"}
    run = server.start(TASK, [job])["id"]
    [victim] = wait_until(lambda: ledger_of(folder, "shot", "shard-000"), timeout=60, what="a shard at work")
    os.kill(victim["pid"], signal.SIGKILL)
    assert server.ended(run)["results"][0]["profiles_generated"] == 50_000
    assert [attempt["status"] for attempt in shard_run(server, run, 0)["attempts"]] == ["failed", "completed"]
    assert len(ledger_of(folder, "shot", "shard-000")) == 2


def test_a_shard_that_fails_after_all_retries_fails_the_run_and_no_other_shard(server: Server, folder: Path) -> None:
    """The run names the shard and how to resume; the others are committed, and resuming gives the golden digest."""
    job = {"run_id": "broken", "faults": [fault("exception", 3, 1, 2, 3, 4)]}
    details = server.finish(TASK, [job])
    assert details["status"] == "failed"
    assert details["error"].splitlines() == [
        "ShardsFailedError: 1 of the run's shards failed after all retries:",
        "  shard 3: TransientError: planned fault: exception",
        "The others are committed; run again with run_id broken to do only these.",
    ]
    run = folder / ".shardwise/runs/broken"
    assert len(list(run.glob("manifests/*"))) == 3
    assert not (run / "result.json").exists()
    assert len(shard_run(server, details["id"], 3)["attempts"]) == shard_policy().max_attempts
    resumed = server.finish(TASK, [{"run_id": "broken"}])
    assert resumed["results"][0]["digest"] == GOLDEN_DIGEST
    runs = [each for each in server.runs() if each["rootTaskRunId"] == resumed["id"]]
    assert len(runs) == 4  # itself, staging, one shard, aggregation


def test_a_task_logs_its_attempts_and_its_traceback(server: Server) -> None:
    """Render drops tracebacks, so the task writes them; each attempt has a line at its start and one at its end."""
    details = server.finish(TASK, [{"run_id": "logged", "faults": [fault("exception", 1, 1)]}])
    log = server.log(shard_run(server, details["id"], 1)["id"])
    for attempt, end in ((1, "failed"), (2, "done")):
        for event in ("attempt_started", f"attempt_{end}"):
            assert f"event={event} run_id=logged step=shard-001 attempt={attempt}" in log
    assert "Traceback (most recent call last)" in log
    assert "TransientError: planned fault: exception" in log


@pytest.mark.parametrize("named", [False, True])
def test_a_death_that_the_server_saw_ends_the_attempt(server: Server, folder: Path, *, named: bool) -> None:
    """A claim without an end gets one, marked as the watcher's; attempts of other processes stay as they are."""
    run_id = f"buried-{named}".lower()
    details = server.finish(TASK, [{"run_id": run_id, "faults": [fault("kill", 0, 1)]}])
    shard, job = shard_run(server, details["id"], 0)["input"]
    arguments = {"shard_id": shard, "job": job} if named else [shard, job]
    claimed = ledger_of(folder, run_id, "shard-000")[0]
    record("process_shard", arguments, "start command exited", claimed["pid"])
    first, second = ledger_of(folder, run_id, "shard-000")
    assert (first["end"]["outcome"], first["end"]["ended_by"]) == ("died", "watcher")
    assert second["end"]["ended_by"] == "attempt"


def test_the_death_of_another_app_is_nobodys_business() -> None:
    """A server that serves any other task reports its deaths without harm."""
    record("somebody_elses", [1, 2], "signal: killed", 1)
    record("process_shard", [3], "signal: killed")
