"""Each fault breaks what it says, and nothing is broken that is not planned."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from shared.faults import actions
from shared.faults.midway import in_the_middle
from shared.faults.plan import KINDS, Fault
from shared.run import steps
from shared.run.errors import StoreError, TerminalError, TransientError
from shared.run.fault_points import fault_points
from shared.run.ledger import read_attempts
from shared.run.run import Run
from shared.run.store import open_store
from tests.shared.attempting import attempt_alone, attempting
from tests.shared.runs import Json, finish, folder_of, opened, published, read_json, staged
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from shared.run.job import Job

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has what this fault needs")


def entries(job: Job, step: str) -> list[Json]:
    """The ledger of a step."""
    return [entry for entry in read_attempts(Run.of(job).store, job.run_id) if entry["step"] == step]


def markers(job: Job) -> list[str]:
    """The evidence of faults that fired."""
    return sorted(path.name.removesuffix(".json") for path in folder_of(job).glob("faults/*"))


def test_every_kind_has_an_action() -> None:
    """There is no kind that nothing carries out."""
    by_another = {"torn_write", "crash_after_commit", "kill_midway", "overlap_midway"}
    assert all(callable(getattr(actions, kind, None)) for kind in KINDS.keys() - by_another)


@pytest.mark.parametrize(("kind", "error"), [("exception", TransientError), ("terminal", TerminalError)])
def test_errors_are_raised_on_the_planned_attempts_only(
    data: Path, tmp_path: Path, kind: str, error: type[Exception]
) -> None:
    """Attempts 1 and 3 are planned to fail, attempt 2 and other shards are not."""
    job = staged(data, tmp_path / "store", faults=(Fault(kind, "shard-001", (1, 3)),))
    assert steps.process_shard(job, 0)["attempt"] == 1
    with pytest.raises(error, match=f"planned fault: {kind}"):
        steps.process_shard(job, 1)
    assert Run.of(job).committed() == {0}
    assert steps.process_shard(job, 1)["attempt"] == 2
    with pytest.raises(error, match=f"planned fault: {kind}"):
        steps.process_shard(job, 1)
    where = "shard-001.invocation-1.attempt-"
    assert markers(job) == [f"{where}1.{kind}", f"{where}3.{kind}"]
    marker = read_json(folder_of(job) / "faults" / f"{where}3.{kind}.json")
    assert marker == {"kind": kind, "step": "shard-001", "attempt": 3}


def test_a_second_start_of_a_run_has_no_faults(data: Path, tmp_path: Path, wanted: dict[str, bytes]) -> None:
    """Faults are injected into the first invocation only, so that running again can recover."""
    plan = {"faults": (Fault("terminal", "shard-001", (1, 2, 3, 4)), Fault("terminal", "stage", (2,)))}
    staged(data, tmp_path / "store", **plan)
    again = staged(data, tmp_path / "store", **plan)
    assert again.invocation == 2
    assert finish(again).parts == wanted
    assert markers(again) == []


@pytest.mark.parametrize("kind", ["exception", "kill", "torn_write", "store_away", "crash_after_commit"])
def test_a_faulted_staging_recovers(data: Path, tmp_path: Path, wanted: dict[str, bytes], kind: str) -> None:
    """The attempt fails, and the next one at the staging leads to the same bytes."""
    job = opened(data, tmp_path / "store", faults=(Fault(kind, "stage"),))
    assert_fails_by(kind, "stage", job)
    reused = steps.stage(job)["staged"] == "reused"
    assert reused == (kind == "crash_after_commit")
    assert markers(job) == [f"stage.invocation-1.attempt-1.{kind}"]
    assert finish(job).parts == wanted


@pytest.mark.parametrize("kind", ["exception", "kill", "torn_write", "store_away", "crash_after_commit"])
def test_a_faulted_aggregation_recovers(data: Path, tmp_path: Path, wanted: dict[str, bytes], kind: str) -> None:
    """The attempt leaves no result unless it had committed, and the next one publishes the same bytes."""
    job = staged(data, tmp_path / "store", faults=(Fault(kind, "aggregate"),))
    for shard in range(3):
        steps.process_shard(job, shard)
    assert_fails_by(kind, "aggregate", job)
    assert ("result.json" in published(job)) == (kind == "crash_after_commit")
    assert markers(job) == [f"aggregate.invocation-1.attempt-1.{kind}"]
    recovered = finish(job)
    assert recovered.parts == wanted
    outcome = "failed" if kind in {"exception", "store_away"} else None
    ends = [entry["end"] and entry["end"]["outcome"] for entry in entries(job, "aggregate")]
    assert ends == [outcome, "committed"]


def assert_fails_by(kind: str, step: str, job: Job) -> None:
    """An attempt at a step, in a process of its own, ends as the fault makes it."""
    code = f"steps.{step}(Job.from_json({job.to_json()!r}))"
    done = subprocess.run(
        [sys.executable, "-c", f"from shared.run import steps\nfrom shared.run.job import Job\n{code}"],
        capture_output=True,
        text=True,
        check=False,
    )
    if kind in {"exception", "store_away"}:
        assert (done.returncode, f"planned fault: {kind}" in done.stderr) == (1, True), done.stderr
    else:
        assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.parametrize("allowed", [None, "", "false", "no", "0"])
def test_a_plan_is_refused_where_the_environment_allows_none(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, allowed: str | None
) -> None:
    """A request alone breaks nothing: neither a run's start nor any step of it takes a plan, and nothing fires."""
    faults = (Fault("exception", "stage"), Fault("exception", "shard-000"), Fault("exception", "aggregate"))
    job = opened(data, tmp_path / "store", faults=faults)
    monkeypatch.delenv("SHARDWISE_ALLOW_FAULTS")
    if allowed is not None:
        monkeypatch.setenv("SHARDWISE_ALLOW_FAULTS", allowed)
    for step in (steps.open_run, steps.stage, lambda job: steps.process_shard(job, 0), steps.aggregate):
        with pytest.raises(
            TerminalError,
            match="this worker does not allow planned faults",
        ):
            step(job)
    assert markers(job) == []
    assert [path.name for path in (folder_of(job) / "invocations").iterdir()] == ["1.json"]


def test_a_slow_shard_takes_a_second_longer(data: Path, tmp_path: Path) -> None:
    """The attempt's own record is as long as the fault."""
    job = staged(data, tmp_path / "store", faults=(Fault("slow", "shard-000"),))
    steps.process_shard(job, 0)
    (entry,) = entries(job, "shard-000")
    assert entry["end"]["elapsed_ms"] >= 1000 * actions.SLOW_SECONDS


def test_a_hanging_shard_never_ends(data: Path, tmp_path: Path) -> None:
    """It claims its attempt, and is alive and without an end long after a shard is done."""
    job = staged(data, tmp_path / "store", faults=(Fault("hang", "shard-000"),))
    with attempting(job, 0, 1) as (hanging, healthy):
        hanging.go()
        wait_until(lambda: entries(job, "shard-000"), timeout=60, what="the claim")
        healthy.go()
        assert healthy.outcome()[0] == 0
        with pytest.raises(subprocess.TimeoutExpired):
            hanging.process.wait(timeout=1)
    assert [entry["end"] for entry in entries(job, "shard-000")] == [None]


def test_an_exit_without_a_result_claims_success(data: Path, tmp_path: Path) -> None:
    """The process leaves with exit status 0, without a result and without an end in the ledger."""
    job = staged(data, tmp_path / "store", faults=(Fault("exit_without_result", "shard-000"),))
    assert attempt_alone(job, 0) == (0, None)
    assert [entry["end"] for entry in entries(job, "shard-000")] == [None]
    assert list(folder_of(job).glob("parts/*")) == []


@on_linux
def test_memory_runs_out_and_comes_back(data: Path, tmp_path: Path, wanted: dict[str, bytes]) -> None:
    """The kernel refuses memory to the attempt; afterwards the process has its old limit and does its work."""
    job = staged(data, tmp_path / "store", faults=(Fault("out_of_memory", "shard-000"),))
    before = resource.getrlimit(resource.RLIMIT_AS)
    with pytest.raises(MemoryError, match=r"planned fault: out_of_memory after [1-9][0-9]* MB"):
        steps.process_shard(job, 0)
    assert resource.getrlimit(resource.RLIMIT_AS) == before
    assert finish(job).parts == wanted


@on_linux
def test_a_full_disk_refuses_the_profiles(data: Path, tmp_path: Path, wanted: dict[str, bytes]) -> None:
    """The store is named with what the kernel says, nothing is published or left, and the next attempt recovers."""
    job = staged(data, tmp_path / "store", faults=(Fault("disk_full", "shard-000"),))
    with pytest.raises(StoreError, match=os.strerror(errno.ENOSPC)):
        steps.process_shard(job, 0)
    assert list(folder_of(job).glob("parts/*")) == []
    assert list((tmp_path / "store" / "tmp").iterdir()) == []
    assert finish(job).parts == wanted


def test_a_duplicate_attempt_overlaps_and_commits_first(data: Path, tmp_path: Path, wanted: dict[str, bytes]) -> None:
    """It lies within the other attempt, in another process; both return its commit, and the other's part goes."""
    job = staged(data, tmp_path / "store", faults=(Fault("duplicate_attempt", "shard-000"),))
    assert steps.process_shard(job, 0)["attempt"] == 2
    first, duplicate = entries(job, "shard-000")
    times = [first["claimed_at"], duplicate["claimed_at"], duplicate["end"]["ended_at"], first["end"]["ended_at"]]
    assert sorted(map(datetime.fromisoformat, times)) == list(map(datetime.fromisoformat, times))
    assert first["pid"] != duplicate["pid"]
    assert [path.name for path in folder_of(job).glob("parts/*")] == ["shard-000.invocation-1.attempt-2.parquet"]
    assert finish(job).parts == wanted


def test_a_kill_in_the_middle_comes_before_anything_is_committed(
    data: Path, tmp_path: Path, wanted: dict[str, bytes]
) -> None:
    """The work had begun, its marker says where, and the next attempt does it."""
    job = staged(data, tmp_path / "store", faults=(Fault("kill_midway", "shard-000"),))
    assert attempt_alone(job, 0) == (-signal.SIGKILL, None)
    assert markers(job) == ["shard-000.invocation-1.attempt-1.kill_midway"]
    assert [entry["end"] for entry in entries(job, "shard-000")] == [None]
    assert steps.process_shard(job, 0)["attempt"] == 2
    assert finish(job).parts == wanted


def test_a_second_attempt_runs_while_the_first_is_in_its_middle(
    data: Path, tmp_path: Path, wanted: dict[str, bytes]
) -> None:
    """It lies within the first, which then continues, and whose part does not count."""
    job = staged(data, tmp_path / "store", faults=(Fault("overlap_midway", "shard-000"),))
    assert steps.process_shard(job, 0)["attempt"] == 2
    first, second = entries(job, "shard-000")
    times = [first["claimed_at"], second["claimed_at"], second["end"]["ended_at"], first["end"]["ended_at"]]
    assert sorted(map(datetime.fromisoformat, times)) == list(map(datetime.fromisoformat, times))
    assert finish(job).parts == wanted


@pytest.mark.parametrize("step", ["stage", "aggregate"])
def test_other_steps_may_be_done_twice_at_once(data: Path, tmp_path: Path, wanted: dict[str, bytes], step: str) -> None:
    """The second one is done first, and nothing differs."""
    given = {"faults": (Fault("duplicate_attempt", step),)}
    job = opened(data, tmp_path / "store", **given)
    steps.stage(job)
    assert finish(job).parts == wanted
    assert len(entries(job, step)) == 2


@pytest.mark.parametrize("called", [False, True])
def test_the_middle_is_in_the_first_longer_function_else_at_the_end(*, called: bool) -> None:
    """A function that only calls another one has no middle of its own; what cannot be followed has an end."""
    done: list[str] = []

    def work() -> None:
        done.append("begun")
        done.append("more")
        done.append("half")
        done.append("then")
        done.append("ended")

    def calls() -> None:
        work()

    function = calls if called else len
    with in_the_middle(function, lambda: done.append("middle")):
        calls() if called else len(())
    assert done == (["begun", "more", "middle", "half", "then", "ended"] if called else ["middle"])


def test_a_source_that_vanishes_fails_the_staging(data: Path, tmp_path: Path) -> None:
    """All of its rows were read, and yet nothing is staged: the file is gone, and the error names it."""
    (data / actions.FAULT_INJECTION_MARKER).touch()
    job = opened(data, tmp_path / "store", faults=(Fault("source_vanishes", "stage"),))
    with pytest.raises(TerminalError, match=r"billing\.csv is missing"):
        steps.stage(job)
    assert not (data / "billing.csv").exists()
    assert not list((tmp_path / "store").glob("staged/*/staged.json"))
    assert not folder_of(job).joinpath("profiles").exists()


def test_a_source_of_somebody_is_never_removed(data: Path, tmp_path: Path) -> None:
    """Without the mark of a copy the fault refuses."""
    job = opened(data, tmp_path / "store", faults=(Fault("source_vanishes", "stage"),))
    with pytest.raises(TerminalError, match="not a copy made for that"):
        steps.stage(job)
    assert (data / "billing.csv").exists()


def test_nothing_is_injected_without_a_plan(data: Path, tmp_path: Path) -> None:
    """Every attempt of a job without faults has the same points, those that do nothing."""
    job = Run.of(opened(data, tmp_path / "store")).job
    store = open_store(job.store_url)
    assert len({fault_points(store, job, step, attempt) for step in job.steps() for attempt in range(1, 5)}) == 1


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"kind": "flood", "step": "stage", "attempts": [1]}, "'flood'; known are exception"),
        (
            {"kind": "overlap_midway", "step": "stage", "attempts": [1]},
            "is injected into shards; its step is 'stage'",
        ),
        ({"kind": "disk_full", "step": "aggregate", "attempts": [1]}, "injected into shards; its step is 'aggregate'"),
        ({"kind": "source_vanishes", "step": "shard-003", "attempts": [1]}, "into stage; its step is 'shard-003'"),
        ({"kind": "kill", "step": "stage", "attempts": []}, r"a fault's attempts are \[\]; they must be one or more"),
        ({"kind": "kill", "attempts": [1]}, 'it must be like {"kind": "kill", "step": "shard-003", "attempts": '),
        ({"kind": "kill", "shard": 3, "attempts": [1]}, 'it must be like {"kind": "kill", "step": "shard-003", '),
    ],
)
def test_a_fault_that_cannot_fire_is_refused(fault: Json, message: str) -> None:
    """The message names what is wrong and what is allowed."""
    with pytest.raises(TerminalError, match=message):
        Fault.from_json(fault)
