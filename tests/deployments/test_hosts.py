"""More than one machine: shards on two hosts of a Dask cluster; one that disappears costs its own attempts only."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fsspec
import psutil
import pytest

from shared.faults.plan import Fault
from shared.run.ledger import read_attempts
from shared.run.settings import SAMPLE_DATA
from shared.run.step_names import shard_step
from shared.run.store import open_store, read_json
from tests.deployments.deployed import POOL, SAMPLE, SCHEDULED, deploy, set_up_automations
from tests.deployments.postgres import running_postgres
from tests.flows.prefect_driving import driving
from tests.golden import GOLDEN_DIGEST
from tests.hosts import Host, network
from tests.prefect_server import ROOT, PrefectServer, running_server, running_worker, started
from tests.shared.s3_server import new_bucket, s3_server
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.servers

DASK = str(Path(sys.executable).with_name("dask"))
SCHEDULER_PORT = "8786"
MAKER = """
import signal
from tests.hosts import network
with network("alone") as (_, [host]):
    print(host.init, flush=True)
    signal.pause()
"""
SHARDS = 12
RUNS = {"one": SAMPLE, "other": SCHEDULED}  # by run_id: their deployments run one at a time each
SILENCE = 65  # seconds: longer than two heartbeats, shorter than in production
LOST_AFTER = "12s"  # until the scheduler takes a worker for lost whose host says nothing; Dask's default is 30 s


@dataclass(frozen=True)
class Site:
    """Two hosts, and what both reach on this machine: Prefect's server, and an S3 API with the stores.

    Attributes:
        near: The host of the scheduler and the data.
        far: The other, which shares no disk with it.
        data: The sample, on ``near`` alone.
        settings: The environment of what runs on either.
    """

    near: Host
    far: Host
    server: PrefectServer
    data: Path
    settings: dict[str, str]

    @property
    def hosts(self) -> tuple[Host, Host]:
        """Both."""
        return self.near, self.far

    @contextmanager
    def dask_worker(self, host: Host) -> Iterator[None]:
        """A worker of one thread there, registered with the scheduler."""
        scheduler = f"tcp://{self.near.address}:{SCHEDULER_PORT}"
        log = self.server.home / f"dask-{host.name}.log"
        folder = f"--local-directory={self.server.home}/dask-{host.name}"
        command = [DASK, "worker", scheduler, "--nthreads=1", "--no-dashboard", f"--name={host.name}", folder]
        with started(host.command(*command), log, self.server.environment(**self.settings)):
            wait_until(lambda: "Registered to" in log.read_text(), timeout=60, what=f"the worker; see {log}")
            yield

    @contextmanager
    def dask_cluster(self) -> Iterator[str]:
        """The address of a scheduler on ``near`` with a worker on each host."""
        address = f"tcp://{self.near.address}:{SCHEDULER_PORT}"
        command = [DASK, "scheduler", "--host", self.near.address, "--port", SCHEDULER_PORT, "--no-dashboard"]
        log = self.server.home / "dask-scheduler.log"
        with ExitStack() as stack:
            stack.enter_context(started(self.near.command(*command), log, self.server.environment(**self.settings)))
            for host in self.hosts:
                stack.enter_context(self.dask_worker(host))
            yield address


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Both hosts and all that they need."""
    data = tmp_path_factory.mktemp("data") / "sample"
    shutil.copytree(SAMPLE_DATA, data)
    with ExitStack() as stack:
        address, (near, far) = stack.enter_context(network("near", "far"))
        stack.enter_context(s3_server(address))
        far.hide(str(data))
        aws = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
        settings = aws | {"NO_PROXY": address, "DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": LOST_AFTER}
        database = {"PREFECT_SERVER_DATABASE_CONNECTION_URL": stack.enter_context(running_postgres())}
        home = tmp_path_factory.mktemp("prefect")
        server = stack.enter_context(running_server(home, address, **settings, **database))
        yield Site(near, far, server, data, settings)


def test_a_host_ends_with_all_that_runs_on_it() -> None:
    """Nothing is left of a host: no process, no namespace, no interface, also when what made it is killed."""
    with network("permitted"):
        pass
    with subprocess.Popen([sys.executable, "-c", MAKER], cwd=ROOT, stdout=subprocess.PIPE, text=True) as maker:
        assert maker.stdout
        host = Host("alone", "", int(maker.stdout.readline()), 0)
        cable = Path(f"/sys/class/net/tests{maker.pid}-0")
        assert cable.exists()
        busy = subprocess.Popen(host.command("sleep", "1000"))
        maker.kill()
    assert busy.wait(20) != 0
    wait_until(lambda: not psutil.pid_exists(host.init), timeout=20, what="the end of the host")
    wait_until(lambda: not cable.exists(), timeout=20, what="the end of its cable")


@pytest.mark.timeout(400)
def test_shards_run_on_two_hosts_and_one_that_disappears_costs_its_own_attempts_only(site: Site) -> None:
    """A host is unplugged in the middle of a run: the other host repeats its work, and no other work."""
    store = new_bucket()
    with (
        site.dask_cluster() as scheduler,
        driving(site.server, site.near, SHARDWISE_DASK_ADDRESS=scheduler, **site.settings) as driver,
    ):
        driver.start(data_url=str(site.data), store_url=store, run_id="r", num_shards=SHARDS, faults=slow_shards())
        wait_until(lambda: is_in_the_middle(store, "r", "near", "far"), timeout=90, what="shards on both hosts")
        with site.far.unplugged():
            ended = driver.ended()
    assert ended.result["digest"] == GOLDEN_DIGEST, ended.error

    attempts = shard_attempts(store, "r")
    lost = {each["step"] for each in attempts if each["host"] == "far"}
    again = [each["step"] for each in attempts if each["host"] == "near" and each["attempt"] > 1]
    assert set(again) <= lost
    assert len(again) == len(set(again)), "no shard is tried more than once more"
    assert {each["host"] for each in attempts if each["end"] is None} == {"far"}
    committed = [each["step"] for each in attempts if each["end"] and each["end"]["outcome"] == "committed"]
    assert sorted(committed) == [shard_step(shard) for shard in range(SHARDS)], "each shard is committed once"


@pytest.mark.timeout(400)
def test_workers_of_one_pool_run_on_two_hosts_and_one_goes_on_with_the_runs_of_the_other(site: Site) -> None:
    """Each of two deployed runs gets a host; the one whose host is unplugged crashes, and resumes on the other."""
    store, server = new_bucket(), site.server
    fsspec.filesystem("s3").put(f"{site.data}/", f"{store}/data/", recursive=True)
    deploy(server)
    set_up_automations(server, SILENCE)
    parameters = {"data_url": f"{store}/data", "store_url": store, "num_shards": SHARDS, "faults": slow_shards()}

    def placed() -> dict[str, str]:
        """The run on each host, once each is in its middle."""
        on = {host.name: name for name in runs for host in site.hosts if is_in_the_middle(store, name, host.name)}
        return on if len(on) == len(site.hosts) else {}

    with ExitStack() as stack:
        for host in site.hosts:
            stack.enter_context(running_worker(server, POOL, host, **site.settings))
        runs = {run_id: server.start(name, run_id=run_id, **parameters) for run_id, name in RUNS.items()}
        on = wait_until(placed, timeout=120, what="a run on each host")
        with site.far.unplugged():
            server.wait_for_state(runs[on["near"]], "COMPLETED", timeout=120)
            server.wait_for_state(runs[on["far"]], "CRASHED", timeout=SILENCE + 60)
            before = {each["step"] for each in shard_attempts(store, on["far"]) if each["end"]}
            server.wait_for_state(runs[on["far"]], "COMPLETED", timeout=120)
    for run_id in runs:
        assert read_json(open_store(store), f"runs/{run_id}/result.json")["digest"] == GOLDEN_DIGEST
    resumed = [each for each in shard_attempts(store, on["far"]) if each["invocation"] > 1]
    assert {each["host"] for each in resumed} == {"near"}
    assert before.isdisjoint(each["step"] for each in resumed)
    assert {each["host"] for each in shard_attempts(store, on["near"])} == {"near"}


def slow_shards() -> list[dict[str, Any]]:
    """Faults that let the first attempt at each shard take a second longer."""
    return [Fault("slow", shard_step(shard)).to_json() for shard in range(SHARDS)]


def shard_attempts(store: str, run_id: str) -> list[dict[str, Any]]:
    """The attempts at a run's shards so far."""
    return [each for each in read_attempts(open_store(store), run_id) if "shard" in each["step"]]


def is_in_the_middle(store: str, run_id: str, *hosts: str) -> bool:
    """Whether each host has done a shard of the run, and the last of them is working on one."""
    attempts = shard_attempts(store, run_id)
    ended = {each["host"] for each in attempts if each["end"]}
    at_work = {each["host"] for each in attempts if not each["end"]}
    return ended >= set(hosts) and hosts[-1] in at_work
