"""Attempts: claimed before the work, ended after it, and marked if the process died."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from shared.faults.plan import Fault
from shared.run import steps
from shared.run.errors import TransientError
from shared.run.job import Job
from shared.run.ledger import attempt, claimed, read_attempts, record_worker_death
from shared.run.step_names import shard_step, shards_named, step_order
from shared.run.store import Store, open_store
from tests.data import row, write_sources
from tests.shared.attempting import attempting
from tests.shared.runs import folder_of, merge, opened, staged

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """An opened job whose store is empty."""
    return Job("r", "/data", str(tmp_path), invocation=1)


@pytest.fixture
def store(job: Job) -> Store:
    """Its store."""
    return open_store(job.store_url)


def test_the_claim_comes_before_the_work(job: Job, store: Store) -> None:
    """Inside the block the attempt is on record, with who makes it, and has no end."""
    with attempt(store, job, "shard-003") as current:
        (entry,) = read_attempts(store, "r")
        assert (entry["pid"], entry["host"], entry["end"]) == (os.getpid(), socket.gethostname(), None)
        assert (entry["step"], entry["invocation"], entry["attempt"], current.number) == ("shard-003", 1, 1, 1)
        assert store.names("runs/r/attempts") == ["shard-003.invocation-1.attempt-1.json"]
        assert datetime.fromisoformat(entry["claimed_at"]).utcoffset() is not None
    (entry,) = read_attempts(store, "r")
    assert entry["end"]["outcome"] == "done"
    assert entry["end"]["ended_by"] == "attempt"
    assert entry["end"]["monotonic"] >= entry["monotonic"]


def test_a_failed_attempt_says_why(job: Job, store: Store) -> None:
    """The end has the error's type and text, and the error is raised."""
    with pytest.raises(ValueError, match="no luck"):
        fail(store, job)
    (entry,) = read_attempts(store, "r")
    assert (entry["end"]["outcome"], entry["end"]["error"]) == ("failed", "ValueError: no luck")


def test_attempts_count_within_step_and_invocation(job: Job, store: Store) -> None:
    """Numbers begin at 1 for each step, and again with each start of the run."""
    for start, step in [(1, "stage"), (1, "shard-000"), (1, "shard-000"), (2, "shard-000"), (2, "stage")]:
        with attempt(store, job.opened(start), step):
            pass
    seen = [(entry["invocation"], entry["step"], entry["attempt"]) for entry in read_attempts(store, "r")]
    assert seen == [(1, "stage", 1), (1, "shard-000", 1), (1, "shard-000", 2), (2, "shard-000", 1), (2, "stage", 1)]


def test_claimed_attempts_are_counted_by_step_and_invocation(job: Job, store: Store) -> None:
    """Engines that number no attempt read the count; ends, other steps and other starts do not count."""
    for step in ("shard-001", "shard-001", "shard-010"):
        with attempt(store, job, step):
            pass
    assert [claimed(job, step) for step in ("shard-001", "shard-010", "shard-002")] == [2, 1, 0]
    assert claimed(job.opened(job.invocation + 1), "shard-001") == 0


def test_attempts_at_the_same_time_have_different_numbers(job: Job, store: Store) -> None:
    """Threads that claim together get numbers of their own, without a gap."""
    start = threading.Barrier(6)

    def claim(_: int) -> int:
        start.wait(timeout=30)
        with attempt(store, job, "shard-000") as current:
            return current.number

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(claim, range(6))) == [1, 2, 3, 4, 5, 6]


def test_the_ledger_of_a_whole_run(tmp_path: Path) -> None:
    """Every step has one attempt, ended with what it came to, oldest first."""
    merged = merge(write_sources(tmp_path / "data", crm=[row("a")]), tmp_path / "store")
    entries = read_attempts(open_store(str(tmp_path / "store")), merged.job.run_id)
    assert [(entry["step"], entry["attempt"], entry["end"]["outcome"]) for entry in entries] == [
        ("stage", 1, "new"),
        ("shard-000", 1, "committed"),
        ("shard-001", 1, "committed"),
        ("shard-002", 1, "committed"),
        ("aggregate", 1, "committed"),
    ]
    assert all(entry["end"]["elapsed_ms"] >= 0 for entry in entries)


def test_a_killed_attempt_has_no_end_until_a_watcher_gives_it_one(tmp_path: Path) -> None:
    """Kill -9 leaves the claim alone; the watcher's end is marked as such and touches no duplicate."""
    faults = (Fault("kill", step="shard-000"),)
    job = staged(write_sources(tmp_path / "data", crm=[row("a")]), tmp_path / "store", faults=faults)
    store = open_store(job.store_url)
    with attempting(job, 0) as (victim,):
        victim.go()
        assert victim.outcome() == (-signal.SIGKILL, None)
    (entry,) = [entry for entry in read_attempts(store, "r") if entry["step"] == "shard-000"]
    assert (entry["pid"], entry["end"]) == (victim.pid, None)

    with attempt(store, job, "shard-000"):
        record_worker_death(job, "shard-000", "killed by signal 9", victim.pid)
        dead, duplicate = [entry for entry in read_attempts(store, "r") if entry["step"] == "shard-000"]
        assert (dead["end"]["outcome"], dead["end"]["ended_by"]) == ("died", "watcher")
        assert dead["end"]["error"] == "killed by signal 9"
        assert duplicate["end"] is None


def test_a_process_of_another_machine_is_another(job: Job, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same process id on two machines sharing a store: only the attempt of the watcher's machine died."""
    with ExitStack() as stack:
        for host in ("there", "here"):
            monkeypatch.setattr(socket, "gethostname", lambda host=host: host)
            stack.enter_context(attempt(store, job, "stage"))
        record_worker_death(job, "stage", "killed by signal 9", os.getpid())
        ends = {entry["host"]: entry["end"] and entry["end"]["outcome"] for entry in read_attempts(store, "r")}
    assert ends == {"there": None, "here": "died"}


def test_a_death_ends_what_has_no_end_in_its_step_and_start(job: Job, store: Store) -> None:
    """Without a pid, all open attempts of the step are meant; other steps, starts and ended ones are not."""
    with attempt(store, job, "stage"):
        pass
    with ExitStack() as stack:
        for start, step in [(1, "stage"), (1, "shard-000"), (2, "stage")]:
            stack.enter_context(attempt(store, job.opened(start), step))
        record_worker_death(job, "stage", "gone")
        entries = read_attempts(store, "r")
    ends = {(e["step"], e["invocation"], e["attempt"]): e["end"] and e["end"]["outcome"] for e in entries}
    assert ends == {("stage", 1, 1): "done", ("stage", 1, 2): "died", ("shard-000", 1, 1): None, ("stage", 2, 1): None}


def test_an_end_is_recorded_once(job: Job, store: Store) -> None:
    """An attempt that ends after its watcher gave it up does not change what is on record."""
    with attempt(store, job, "stage"):
        record_worker_death(job, "stage", "believed dead")
    (entry,) = read_attempts(store, "r")
    assert entry["end"]["outcome"] == "died"


def test_faults_strike_in_the_first_start_only(tmp_path: Path) -> None:
    """A planned fault names attempts of invocation 1; a resumed run has no fault again."""
    data = write_sources(tmp_path / "data", crm=[row("a")])
    faults = (Fault("exception", step="shard-000", attempts=(1, 2, 3, 4)),)
    first = staged(data, tmp_path / "store", faults=faults)
    with pytest.raises(TransientError, match="planned fault: exception"):
        steps.process_shard(first, 0)
    second = opened(data, tmp_path / "store", faults=faults)
    assert steps.process_shard(second, 0)["invocation"] == 2


def test_entries_are_plain_json(tmp_path: Path) -> None:
    """The files are plain JSON, and their names contain step, invocation and attempt."""
    job = staged(write_sources(tmp_path / "data"), tmp_path / "store")
    names = sorted(path.name for path in (folder_of(job) / "attempts").iterdir())
    assert names == ["stage.invocation-1.attempt-1.end.json", "stage.invocation-1.attempt-1.json"]
    for path in (folder_of(job) / "attempts").iterdir():
        assert isinstance(json.loads(path.read_text()), dict)


def test_steps_sort_as_their_shards() -> None:
    """Names of less than a thousand shards are padded, those of more are longer; each is read again."""
    names = [shard_step(shard) for shard in (0, 42, 999, 1_000, 9_999)]
    assert names == ["shard-000", "shard-042", "shard-999", "shard-1000", "shard-9999"]
    assert sorted(["aggregate", *reversed(names), "stage"], key=step_order) == ["stage", *names, "aggregate"]
    assert shards_named([f"{name}.json" for name in [*names, "shard-0042", "shard-42"]], 9_999) == {0, 42, 999, 1_000}


def fail(store: Store, job: Job) -> None:
    """Make an attempt that fails."""
    with attempt(store, job, "stage"):
        raise ValueError("no luck")
