"""Kill -9 under Prefect, of a shard's process and of the flow's; and the settings of a server that comes with a run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from shared.run.cores import cores
from shared.run.ledger import read_attempts
from shared.run.store import open_store
from tests.command import environment
from tests.flows.prefect_driving import Driver, driving
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.prefect_server import PrefectServer

pytestmark = pytest.mark.servers

MANY = 100  # shards: enough to interrupt in their middle


@pytest.fixture(scope="module")
def expected_digest(driver: Driver, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The digest of an undisturbed run."""
    digest: str = driver.run(store_url=str(tmp_path_factory.mktemp("undisturbed"))).result["digest"]
    return digest


@pytest.mark.parametrize("kind", ["kill", "torn_write", "crash_after_commit"])
def test_killed_shard_recovers(driver: Driver, tmp_path: Path, expected_digest: str, kind: str) -> None:
    """A shard whose process is killed fails that attempt only, leaves evidence, and recovers on the next."""
    ended = driver.run(store_url=str(tmp_path), faults=[{"kind": kind, "step": "shard-004", "attempts": [1]}])
    attempts = [a for a in read_attempts(open_store(str(tmp_path)), ended.result["run_id"]) if a["step"] == "shard-004"]
    first, second = (attempt["end"] for attempt in attempts)

    assert ended.result["digest"] == expected_digest
    assert (first["outcome"], first["ended_by"], first["error"]) == ("died", "watcher", "killed by signal 9")
    assert second["outcome"] == ("already_committed" if kind == "crash_after_commit" else "committed")


def test_killed_flow_resumes(
    prefect_server: PrefectServer, driver: Driver, tmp_path: Path, expected_digest: str
) -> None:
    """After a kill -9 of the flow's process the same run_id ends with the digest and skips what was committed."""
    parameters = {"store_url": str(tmp_path), "num_shards": MANY, "run_id": "killed"}
    manifests = tmp_path / "runs/killed/manifests"
    with driving(prefect_server) as doomed:
        doomed.start(**parameters)
        wait_until(
            lambda: manifests.is_dir() and len(_names(manifests)) >= cores() + 1, timeout=60, what="some commits"
        )
        workers = psutil.Process(doomed.process.pid).children(recursive=True)
        os.kill(doomed.process.pid, signal.SIGKILL)
        wait_until(lambda: not any(_is_alive(worker) for worker in workers), timeout=30, what="the end of its workers")
    committed = _names(manifests)
    assert 0 < len(committed) < MANY

    ended = driver.run(**parameters)

    again = {a["step"] for a in read_attempts(open_store(str(tmp_path)), "killed") if a["invocation"] == 2}
    assert ended.result["digest"] == expected_digest
    assert again == {"stage", "aggregate", *(f"shard-{shard:03d}" for shard in range(MANY))} - committed


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "a cancel"])
def test_a_stopped_flow_does_not_wait_for_its_shards(
    prefect_server: PrefectServer, tmp_path: Path, stop: signal.Signals
) -> None:
    """While a shard hangs, it ends the flow and the shard's process at once, without another attempt."""
    with driving(prefect_server) as interrupted:
        faults = [{"kind": "hang", "step": "shard-000", "attempts": [1]}]
        interrupted.start(store_url=str(tmp_path), num_shards=1, run_id="r", faults=faults)
        wait_until(lambda: _attempts(tmp_path, "shard-000"), timeout=60, what="the attempt")
        workers = psutil.Process(interrupted.process.pid).children(recursive=True)
        interrupted.process.send_signal(stop)
        wait_until(lambda: interrupted.process.poll() is not None, timeout=60, what="the end of the flow")
        wait_until(lambda: not any(_is_alive(worker) for worker in workers), timeout=30, what="the end of its workers")
    (attempt,) = _attempts(tmp_path, "shard-000")
    assert (attempt["end"]["outcome"], attempt["end"]["ended_by"]) == ("died", "watcher")


def test_a_temporary_server_may_take_its_time() -> None:
    """Two minutes instead of Prefect's twenty seconds, before anything has read Prefect's settings."""
    program = (
        "from flows.commands import run; run._hint_at_server(); from prefect.settings import get_current_settings; "
        "print(get_current_settings().server.ephemeral.startup_timeout_seconds)"
    )
    command = [sys.executable, "-c", program]
    told = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True)
    assert told.stdout == "120\n"


def _attempts(store: Path, step: str) -> list[dict[str, Any]]:
    return [attempt for attempt in read_attempts(open_store(str(store)), "r") if attempt["step"] == step]


def _names(manifests: Path) -> set[str]:
    return {path.stem for path in manifests.iterdir()}


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
