"""Each fault breaks what it says, and nothing is broken that is not planned."""

from __future__ import annotations

import errno
import resource
import subprocess
import sys
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from shared.faults import actions
from shared.faults.plan import KINDS, Fault
from shared.run import steps
from shared.run.errors import TerminalError, TransientError
from shared.run.fault_points import fault_points
from shared.run.ledger import read_attempts
from shared.run.run import Run
from shared.run.store import open_store
from tests.shared.attempting import attempt_alone, attempting
from tests.shared.runs import Json, finish, folder_of, opened, published, staged
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has what this fault needs")


def entries(job: Json, step: str) -> list[Json]:
    """The ledger of a step."""
    return [entry for entry in read_attempts(Run.of(job).store, job["run_id"]) if entry["step"] == step]


def test_every_kind_is_a_strike_or_a_kill() -> None:
    """There is no kind that nothing carries out."""
    by_kill = {"torn_write", "crash_after_commit"}
    assert all(callable(getattr(actions, kind, None)) for kind in KINDS.keys() - by_kill)


@pytest.mark.parametrize(("kind", "error"), [("exception", TransientError), ("terminal", TerminalError)])
def test_errors_are_raised_on_the_planned_attempts_only(
    data: Path, tmp_path: Path, kind: str, error: type[Exception]
) -> None:
    """Attempts 1 and 3 are planned to fail, attempt 2 and other shards are not."""
    job = staged(data, tmp_path / "store", faults=(Fault(kind, "shard-001", (1, 3)),))
    assert steps.process_shard(job, 0)["attempt"] == 1
    with pytest.raises(error, match=f"planned fault: {kind}"):
        steps.process_shard(job, 1)
    assert published(job) == ["profiles/shard-000.parquet"]
    assert steps.process_shard(job, 1)["attempt"] == 2
    with pytest.raises(error, match=f"planned fault: {kind}"):
        steps.process_shard(job, 1)


def test_a_second_start_of_a_run_is_not_struck(data: Path, tmp_path: Path, wanted: dict[str, bytes]) -> None:
    """Faults strike the first invocation only, so that running again can heal."""
    plan = {"faults": (Fault("terminal", "shard-001", (1, 2, 3, 4)), Fault("terminal", "stage", (2,)))}
    staged(data, tmp_path / "store", **plan)
    again = staged(data, tmp_path / "store", **plan)
    assert again["invocation"] == 2
    assert finish(again).parts == wanted


@pytest.mark.parametrize("kind", ["exception", "kill", "torn_write", "crash_after_commit"])
def test_staging_is_struck_and_heals(data: Path, tmp_path: Path, wanted: dict[str, bytes], kind: str) -> None:
    """A fault without a shard strikes the staging, and the next attempt at it leads to the same bytes."""
    job = opened(data, tmp_path / "store", faults=(Fault(kind, "stage"),))
    done = subprocess.run(
        [sys.executable, "-c", f"from shared.run import steps; steps.stage({job!r})"],
        capture_output=True,
        check=False,
    )
    assert done.returncode != 0
    reused = steps.stage(job)["staged"] == "reused"
    assert reused == (kind == "crash_after_commit")
    assert finish(job).parts == wanted


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
    assert published(job) == []


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
    """The write fails as the kernel says it, nothing is published or left, and the next attempt heals."""
    job = staged(data, tmp_path / "store", faults=(Fault("disk_full", "shard-000"),))
    with pytest.raises(OSError, match=f"Errno {errno.ENOSPC}"):
        steps.process_shard(job, 0)
    assert published(job) == []
    assert list((tmp_path / "store" / "tmp").iterdir()) == []
    assert finish(job).parts == wanted


def test_a_twin_overlaps_and_commits_first(data: Path, tmp_path: Path, wanted: dict[str, bytes]) -> None:
    """The twin's attempt lies within the other in another process; both return its commit, written once."""
    job = staged(data, tmp_path / "store", faults=(Fault("duplicate_attempt", "shard-000"),))
    assert steps.process_shard(job, 0)["attempt"] == 2
    first, twin = entries(job, "shard-000")
    times = [first["claimed_at"], twin["claimed_at"], twin["end"]["ended_at"], first["end"]["ended_at"]]
    assert sorted(map(datetime.fromisoformat, times)) == list(map(datetime.fromisoformat, times))
    assert first["pid"] != twin["pid"]
    assert finish(job).parts == wanted


def test_a_source_that_vanishes_fails_the_staging(data: Path, tmp_path: Path) -> None:
    """All of its rows were read, and yet nothing is staged: the file is gone, and the error names it."""
    (data / actions.FAULT_INJECTION_MARKER).touch()
    job = opened(data, tmp_path / "store", faults=(Fault("source_vanishes", "stage"),))
    with pytest.raises(TerminalError, match=r"crm\.csv is missing"):
        steps.stage(job)
    assert not (data / "crm.csv").exists()
    assert not list((tmp_path / "store").glob("staged/*/staged.json"))
    assert not folder_of(job).joinpath("profiles").exists()


def test_a_source_of_somebody_is_never_removed(data: Path, tmp_path: Path) -> None:
    """Without the mark of a copy the fault refuses to strike."""
    job = opened(data, tmp_path / "store", faults=(Fault("source_vanishes", "stage"),))
    with pytest.raises(TerminalError, match="no copy made for that"):
        steps.stage(job)
    assert (data / "crm.csv").exists()


def test_nothing_is_struck_without_a_plan(data: Path, tmp_path: Path) -> None:
    """A job without faults gives its attempts no kind to strike."""
    job = Run.of(opened(data, tmp_path / "store")).job
    store = open_store(job.store_url)
    assert len({fault_points(store, job, step, attempt) for step in job.steps() for attempt in range(1, 5)}) == 1


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"kind": "flood", "shard": 0, "attempts": [1]}, "'flood'; known are exception"),
        ({"kind": "duplicate_attempt", "shard": None, "attempts": [1]}, "needs the number of a shard"),
        ({"kind": "source_vanishes", "shard": 3, "attempts": [1]}, "its shard is 3 and must be null"),
        ({"kind": "kill", "attempts": [1]}, "it needs kind, shard and attempts"),
    ],
)
def test_a_fault_that_cannot_strike_is_refused(fault: Json, message: str) -> None:
    """The message names what is wrong and what is allowed."""
    with pytest.raises(TerminalError, match=message):
        Fault.from_json(fault)
