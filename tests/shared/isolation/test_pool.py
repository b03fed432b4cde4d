"""Shards in processes of their own: whatever happens to one is a failed attempt, on record, and nothing more."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from shared.faults.plan import Fault
from shared.isolation import pool
from shared.run import steps
from shared.run.errors import TerminalError, TransientError
from shared.run.ledger import read_attempts
from shared.run.policy import shard_policy
from shared.run.store import open_store
from tests.data import row, write_sources
from tests.shared.runs import Json, folder_of, opened, published, staged
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.run.job import Job

TIMEOUT = shard_policy().timeout


@pytest.fixture(scope="module", autouse=True)
def _workers() -> Iterator[None]:
    """Two workers, gone afterwards."""
    pool.start(2)
    yield
    pool.stop()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A few customers, on all of three shards."""
    return write_sources(tmp_path / "data", crm=[row(f"c{number}") for number in range(30)])


def last_attempt(job: Job) -> Json:
    """The latest entry of the ledger."""
    return read_attempts(open_store(job.store_url), job.run_id)[-1]


def test_the_steps_work_in_other_processes(data: Path, tmp_path: Path) -> None:
    """A run in isolation is made by worker processes and gives what the plain steps give."""
    job = opened(data, tmp_path / "store")
    pool.stage(job, TIMEOUT)
    results = [pool.process_shard(job, shard, TIMEOUT) for shard in range(3)]
    result = pool.aggregate(job, TIMEOUT)
    pids = {entry["pid"] for entry in read_attempts(open_store(job.store_url), "r")}
    assert os.getpid() not in pids
    plain = staged(data, tmp_path / "plain")
    assert [r["digest"] for r in results] == [steps.process_shard(plain, shard)["digest"] for shard in range(3)]
    assert result["digest"] == steps.aggregate(plain)["digest"]


def test_a_killed_worker_fails_its_own_shard_only(data: Path, tmp_path: Path) -> None:
    """Kill -9 becomes an error worth retrying, its end is on record, and the shard beside it commits."""
    job = staged(data, tmp_path / "store", faults=(Fault("kill", step="shard-000"),))
    with ThreadPoolExecutor(2) as threads:
        killed, other = (threads.submit(pool.process_shard, job, shard, TIMEOUT) for shard in (0, 1))
        with pytest.raises(TransientError, match=r"^the process of shard-000 was killed by signal 9$"):
            killed.result()
        assert other.result()["shard_id"] == 1
    (entry,) = [e for e in read_attempts(open_store(job.store_url), "r") if e["step"] == "shard-000"]
    assert (entry["end"]["outcome"], entry["end"]["ended_by"]) == ("died", "watcher")
    assert entry["end"]["error"] == "killed by signal 9"
    assert pool.process_shard(job, 0, TIMEOUT)["attempt"] == 2


def test_a_worker_without_work_may_be_killed(data: Path, tmp_path: Path) -> None:
    """When a worker dies between attempts, the attempts after it have another."""
    job = staged(data, tmp_path / "store")
    pool.process_shard(job, 0, TIMEOUT)
    killed = last_attempt(job)["pid"]
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: not psutil.pid_exists(killed), timeout=30, what="the end of the worker")
    assert [pool.process_shard(job, shard, TIMEOUT)["attempt"] for shard in (1, 2)] == [1, 1]


def test_a_worker_that_leaves_without_a_word_is_noticed(data: Path, tmp_path: Path) -> None:
    """Exit status 0 without a result is an attempt that failed, long before its timeout."""
    job = staged(data, tmp_path / "store", faults=(Fault("exit_without_result", step="shard-000"),))
    with pytest.raises(TransientError, match=r"^the process of shard-000 was gone with exit status 0$"):
        pool.process_shard(job, 0, TIMEOUT)
    assert last_attempt(job)["end"]["outcome"] == "died"


def test_stopping_fails_what_runs(data: Path, tmp_path: Path) -> None:
    """``stop`` in the middle of an attempt ends it, and its caller learns so at once."""
    job = staged(data, tmp_path / "store", faults=(Fault("hang", step="shard-000"),))
    with ThreadPoolExecutor(1) as threads:
        hanging = threads.submit(pool.process_shard, job, 0, TIMEOUT)
        wait_until(lambda: read_attempts(open_store(job.store_url), "r")[1:], timeout=30, what="the attempt")
        pool.stop()
        with pytest.raises(TransientError, match=r"^the process of shard-000 was killed by signal 9$"):
            hanging.result()


def broken_off(threads: ThreadPoolExecutor, job: Job, error: BaseException) -> Future[Json]:
    """Raise an error in a block while shard 0 is at work; return the shard's call."""
    try:
        with pool.bound():
            call = threads.submit(pool.process_shard, job, 0, TIMEOUT)
            wait_until(lambda: read_attempts(open_store(job.store_url), "r")[1:], timeout=30, what="the attempt")
            raise error
    except type(error):
        return call


def test_an_interrupted_block_ends_its_calls(data: Path, tmp_path: Path) -> None:
    """Ctrl-C in a block ends running calls at once, and refuses their retries."""
    job = staged(data, tmp_path / "store", faults=(Fault("hang", step="shard-000"),))
    with ThreadPoolExecutor(1) as threads:
        hanging = broken_off(threads, job, KeyboardInterrupt())
        with pytest.raises(TerminalError, match=r"^the process of shard-000 was ended, because its run was stopped$"):
            hanging.result()
    with pytest.raises(TerminalError, match=r"^shard-001 was not started, because its run was stopped$"):
        pool.process_shard(job, 1, TIMEOUT)
    with pool.bound():
        assert pool.process_shard(job, 1, TIMEOUT)["shard_id"] == 1


def test_a_failed_block_leaves_its_calls(data: Path, tmp_path: Path) -> None:
    """An error that is not an interruption lets running calls finish."""
    job = staged(data, tmp_path / "store", faults=(Fault("slow", step="shard-000"),))
    with ThreadPoolExecutor(1) as threads:
        assert broken_off(threads, job, ValueError()).result()["shard_id"] == 0


def test_a_killed_fork_server_fails_what_runs_and_nothing_else(data: Path, tmp_path: Path) -> None:
    """Its workers are ended, the running attempt is one worth retrying, and the next call has a new server."""
    job = staged(data, tmp_path / "store", faults=(Fault("hang", step="shard-000"),))
    with ThreadPoolExecutor(1) as threads:
        hanging = threads.submit(pool.process_shard, job, 0, TIMEOUT)
        wait_until(lambda: read_attempts(open_store(job.store_url), "r")[1:], timeout=30, what="the attempt")
        pid = last_attempt(job)["pid"]
        server = psutil.Process(pid).parent()
        assert server
        server.kill()
        with pytest.raises(TransientError, match=r"^the process of shard-000 was killed, since the server that forked"):
            hanging.result()
    wait_until(lambda: not psutil.pid_exists(pid), timeout=30, what="the end of the worker")
    assert pool.process_shard(job, 0, TIMEOUT)["attempt"] == 2


def test_a_hanging_shard_is_killed_at_the_timeout(data: Path, tmp_path: Path) -> None:
    """An attempt that never ends is killed after the policy's timeout and fails like any other."""
    job = staged(data, tmp_path / "store")
    manifest = folder_of(job) / "manifests" / "shard-000.json"
    manifest.parent.mkdir()
    os.mkfifo(manifest)  # reading it waits for a writer that never comes
    with pytest.raises(TransientError, match=r"^the process of shard-000 was killed after 1\.5 s, "):
        pool.process_shard(job, 0, timedelta(seconds=1.5))
    entry = last_attempt(job)
    assert (entry["end"]["outcome"], entry["end"]["ended_by"]) == ("died", "watcher")
    wait_until(lambda: not psutil.pid_exists(entry["pid"]), timeout=30, what="the end of the hanging worker")
    manifest.unlink()
    assert pool.process_shard(job, 0, TIMEOUT)["attempt"] == 2


@pytest.mark.parametrize(("kind", "error"), [("exception", TransientError), ("terminal", TerminalError)])
def test_errors_keep_their_kind(data: Path, tmp_path: Path, kind: str, error: type[Exception]) -> None:
    """What a worker raises arrives as the same type with the same text."""
    job = staged(data, tmp_path / "store", faults=(Fault(kind, step="shard-000"),))
    with pytest.raises(error) as caught:
        pool.process_shard(job, 0, TIMEOUT)
    assert str(caught.value) == f"planned fault: {kind}"
    assert "in before_work" in caught.value.__notes__[0]
    assert last_attempt(job)["end"]["ended_by"] == "attempt"


def test_bad_input_arrives_whole(tmp_path: Path) -> None:
    """The message of refused sources is the one of the plain step."""
    job = opened(write_sources(tmp_path / "data", billing=[row("a", mrr="x")]), tmp_path / "store")
    with pytest.raises(TerminalError, match=r"billing\.csv line 2, column mrr: 'x' not a whole number"):
        pool.stage(job, TIMEOUT)
    assert published(job) == []


def test_isolation_can_be_turned_off(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With SHARDWISE_ISOLATION=none the steps work in the process that calls them."""
    monkeypatch.setenv("SHARDWISE_ISOLATION", "none")
    job = opened(data, tmp_path / "store")
    pool.stage(job, TIMEOUT)
    assert last_attempt(job)["pid"] == os.getpid()


def test_another_choice_is_refused(monkeypatch: pytest.MonkeyPatch, data: Path, tmp_path: Path) -> None:
    """Any other value is named with those allowed."""
    monkeypatch.setenv("SHARDWISE_ISOLATION", "maybe")
    with pytest.raises(TerminalError, match=r"^SHARDWISE_ISOLATION is 'maybe'; it must be one of process, none$"):
        pool.stage(opened(data, tmp_path / "store"), TIMEOUT)


def test_stopping_leaves_no_worker(data: Path, tmp_path: Path) -> None:
    """After ``stop`` the workers are gone; the next call starts new ones."""
    job = opened(data, tmp_path / "store")
    pool.stage(job, TIMEOUT)
    pid: Any = last_attempt(job)["pid"]
    pool.stop()
    wait_until(lambda: not psutil.pid_exists(pid), timeout=30, what="the end of the workers")
    assert pool.process_shard(job, 0, TIMEOUT)["shard_id"] == 0


def test_a_process_that_ends_starts_no_worker() -> None:
    """One that fails early, while workers begin to start in the background, does not leave one half made.

    What is registered first is called last at the end: after the pool has stopped.
    """
    late = "import atexit; atexit.register(lambda: (pool.start(1), print(len(pool._idle))))"
    program = f"{late}; from shared.isolation import pool"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("0\n", "")
