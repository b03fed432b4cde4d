"""Where Prefect runs the shards: the choice, and a Dask cluster of two worker processes."""

from __future__ import annotations

import os
import sys
from multiprocessing import forkserver
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from prefect.task_runners import ThreadPoolTaskRunner

from flows.on_prefect.runners import _local_cluster, task_runner
from shared.isolation import pool
from shared.run.cores import cores
from shared.run.errors import TerminalError
from shared.run.ledger import read_attempts
from shared.run.settings import SAMPLE_DATA
from shared.run.store import open_store
from tests.command import environment, shardwise
from tests.flows.prefect_driving import Driver, driving
from tests.golden import GOLDEN_DIGEST
from tests.prefect_server import free_port, started
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.prefect_server import PrefectServer

pytestmark = pytest.mark.servers

WORKERS = 2
DASK = str(Path(sys.executable).with_name("dask"))


@pytest.fixture(scope="module")
def dask_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A scheduler with two worker processes of one thread each."""
    folder = tmp_path_factory.mktemp("dask")
    address = f"tcp://127.0.0.1:{free_port()}"
    scheduler = [DASK, "scheduler", "--host", address, "--no-dashboard", "--no-jupyter"]
    worker = [DASK, "worker", address, f"--nworkers={WORKERS}", "--nthreads=1", "--no-dashboard"]
    env, log = environment(SHARDWISE_ALLOW_FAULTS="true"), folder / "workers.log"
    with (
        started(scheduler, folder / "scheduler.log", env),
        started([*worker, f"--local-directory={folder}"], log, env),
    ):
        wait_until(
            lambda: log.read_text().count("Registered to") == WORKERS, timeout=60, what=f"the workers; see {log}"
        )
        yield address


def test_dask_gives_the_same(prefect_server: PrefectServer, driver: Driver, dask_address: str, tmp_path: Path) -> None:
    """On a Dask cluster that runs already: the digest of threads, the same attempts, the work in its two processes."""
    parameters = {"num_shards": 10, "faults": [{"kind": "exception", "step": "shard-003", "attempts": [1, 2]}]}
    on_threads = driver.run(store_url=str(tmp_path / "threads"), **parameters)
    with driving(prefect_server, SHARDWISE_DASK_ADDRESS=dask_address) as on_cluster:
        on_dask = on_cluster.run(store_url=str(tmp_path / "dask"), **parameters)
    assert on_dask.state == "Completed", on_dask.error

    attempts = read_attempts(open_store(str(tmp_path / "dask")), on_dask.result["run_id"])
    runs = prefect_server.ended_task_runs(on_dask.flow_run_id, 12)
    third = [attempt["end"]["outcome"] for attempt in attempts if attempt["step"] == "shard-003"]
    assert on_dask.result["digest"] == on_threads.result["digest"]
    assert len({attempt["pid"] for attempt in attempts if "shard" in attempt["step"]}) == WORKERS
    assert third == ["failed", "failed", "committed"]
    assert {run["name"]: run["run_count"] for run in runs}["shard-003"] == 3


def test_dask_of_its_own(prefect_server: PrefectServer, tmp_path: Path) -> None:
    """Without an address the runner brings a cluster for the time of the run."""
    with driving(prefect_server, SHARDWISE_RUNNER="dask", DASK_TEMPORARY_DIRECTORY=str(tmp_path)) as alone:
        ended = alone.run(store_url=str(tmp_path), num_shards=4)
    attempts = read_attempts(open_store(str(tmp_path)), ended.result["run_id"])
    assert ended.result["profiles_generated"] == 1_000
    assert alone.process.pid not in {attempt["pid"] for attempt in attempts}


def test_dask_of_its_own_has_this_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its processes are forked from a server that was started before the variable was set."""
    pool.start(1)
    monkeypatch.setenv("SHARDWISE_NUM_SHARDS", "77")
    with _local_cluster(n_workers=1, dashboard_address=":0") as cluster, cluster.get_client() as client:
        assert client.submit(os.getenv, "SHARDWISE_NUM_SHARDS").result(timeout=60) == "77"
        server = client.submit(os.getppid).result(timeout=60)
    assert server == forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]


def test_prefects_own_processes_give_the_same(prefect_server: PrefectServer, tmp_path: Path) -> None:
    """Each shard is an attempt in a process of Prefect's pool, and a failed one is retried there."""
    faults = [{"kind": "exception", "step": "shard-003", "attempts": [1]}]
    settings = {"SHARDWISE_RUNNER": "processes", "SHARDWISE_WORKERS": "2", "SHARDWISE_ALLOW_FAULTS": "true"}
    with driving(prefect_server, **settings, SHARDWISE_WAIT_SCALE="0") as alone:
        ended = alone.run(store_url=str(tmp_path), num_shards=4, faults=faults)
    shards = [each for each in read_attempts(open_store(str(tmp_path)), ended.result["run_id"]) if "-" in each["step"]]
    assert ended.result["digest"] == GOLDEN_DIGEST
    assert alone.process.pid not in {attempt["pid"] for attempt in shards}
    assert len({attempt["pid"] for attempt in shards}) <= WORKERS  # a quick one may do all
    assert [attempt["end"]["outcome"] for attempt in shards if attempt["step"] == "shard-003"] == [
        "failed",
        "committed",
    ]


@pytest.mark.parametrize(
    ("name", "address", "kind"),
    [
        (None, None, "ThreadPoolTaskRunner"),
        ("threads", None, "ThreadPoolTaskRunner"),
        ("processes", None, "ProcessPoolTaskRunner"),
        ("dask", None, "DaskTaskRunner"),
        (None, "tcp://10.0.0.5:8786", "DaskTaskRunner"),
    ],
)
def test_choice(name: str | None, address: str | None, kind: str) -> None:
    """Threads unless Dask is chosen, or implied by an address."""
    assert type(task_runner(name, 2, address)).__name__ == kind


def test_threads_are_bounded_by_the_cores() -> None:
    """Prefect's own default has no bound; ours has."""
    runner = task_runner()
    assert isinstance(runner, ThreadPoolTaskRunner)
    assert runner._max_workers == cores()


def test_a_deployment_says_how_many_shards_run_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody passes a number to a deployed flow, so its environment does."""
    monkeypatch.setenv("SHARDWISE_WORKERS", "5")
    runner = task_runner()
    assert isinstance(runner, ThreadPoolTaskRunner)
    assert runner._max_workers == 5


def test_a_cluster_on_other_machines_needs_a_server_that_they_reach(tmp_path: Path) -> None:
    """A temporary server answers to its own machine only, so the run is refused before one is started."""
    command = ["run", "--dask-address", "tcp://10.0.0.5:8786", "--data", str(SAMPLE_DATA)]
    done = shardwise(*command, cwd=tmp_path, PREFECT_HOME=str(tmp_path))
    assert done.returncode == 2
    assert "cluster at tcp://10.0.0.5:8786 cannot reach the temporary server" in done.stderr
    assert "set PREFECT_API_URL" in done.stderr


@pytest.mark.parametrize(
    ("name", "address", "said"), [("ray", None, "threads, processes, dask"), ("threads", "tcp://h:1", "tcp://h:1")]
)
def test_wrong_choice_is_refused(name: str, address: str | None, said: str) -> None:
    """An unknown runner, or an address that the runner cannot use, is refused by name."""
    with pytest.raises(TerminalError, match=said):
        task_runner(name, 2, address)
