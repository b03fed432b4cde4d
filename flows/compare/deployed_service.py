"""Prefect as teams run it: a deployment on a work pool, started through the API, executed by a worker."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import httpx

from flows.compare.prefect_api import PrefectApi
from flows.compare.prefect_service import STARTUP, PrefectService
from flows.compare.provenance import ObservedOn, version_of
from flows.compare.scenario import Interruption
from flows.compare.service import POLL_INTERVAL, Service, Settings, Watch, without_ours
from flows.services import ROOT, start, stop
from shared.run.errors import TerminalError
from shared.run.store import read_json

if TYPE_CHECKING:
    from flows.compare.records import Record
    from flows.compare.servers import Servers
    from flows.services import Service as Process
    from shared.run.run import Run

NAME = "shardwise-compare"
SERVER = "flows.compare.prefect_service:PrefectService"
DEPLOYMENT = "COMPARED_DEPLOYMENT"  # in the environment of who starts a run: the deployment's id
HEARTBEATS = "SHARDWISE_COMPARED_HEARTBEATS"  # there, too, in slow scenarios: "true" where heartbeats are watched
SLOTS = 2  # runs at once: two runs of one run_id can meet
TERMINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
UNREPORTED = 15.0  # seconds after which the death of a flow's process counts as not reported
WATCH_INTERVAL = 0.1  # seconds between two questions to the server


class DeployedService(Service):
    """Serves flow runs on a worker of ours, or on those of a work pool that the user names."""

    startup = 20.0

    def __init__(self, servers: Servers) -> None:
        super().__init__(servers)
        self._prefect = cast("PrefectService", servers.of(SERVER))
        self._pool = servers.choices.work_pool or f"{NAME}-{secrets.token_hex(4)}"
        self._deployment = ""
        self._worker: Process | None = None
        self._watched = self._patient = False
        self._dead_since: float | None = None

    @property
    def _own_worker(self) -> bool:
        return not self.servers.choices.work_pool

    def not_observable(self) -> str:
        """A work pool of the user's is on a server of the user's."""
        if self.servers.choices.work_pool and self._prefect.ours:
            return "--work-pool names a pool of your server; set PREFECT_API_URL to that server"
        return ""

    def prepare(self) -> None:
        """Start the server."""
        self._prefect.prepare()

    def environment(self, settings: Settings, workers: int) -> Settings:
        """Where the deployment is; server and worker are started when they do not run."""
        self._prefect.wait_ready()
        if not self._deployment:
            self._deploy()
        if self._own_worker and (self._worker is None or self._worker.poll() is not None):
            self._start_worker()
        self._patient, self._dead_since = HEARTBEATS in settings, None
        if settings.get(HEARTBEATS) == "true" and not self._watched:
            self._watch_heartbeats()
        given = {DEPLOYMENT: self._deployment, "SHARDWISE_WORKERS": str(workers)}
        return settings | self._prefect.client_environment() | given

    def records(self, environment: Settings, run_id: str) -> list[Record]:
        """The flow runs of a run_id."""
        return self._prefect.records(environment, run_id)

    def abandoned(self, run: Run) -> bool:
        """Whether the flow's process has been dead for long enough that nobody reports it any more."""
        if self._patient or _alive(_opened(run)):
            self._dead_since = None
            return False
        self._dead_since = self._dead_since or time.monotonic()
        return time.monotonic() - self._dead_since > UNREPORTED

    def continues(self, run: Run) -> bool:
        """Whether the process of a flow run that is not over is alive."""
        return any(_alive(pid) for pid in self._flow_processes(run.job.run_id))

    def clear(self, environment: Settings, run_id: str) -> None:
        """Kill flows that still run, and have the server forget them, so that they hold no slot of a later cell."""
        del environment
        self._prefect.wait_ready()
        for pid in self._flow_processes(run_id):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with PrefectApi(self._prefect.url) as api:
            for flow_run in api.flow_runs(run_id):
                if flow_run["state_type"] not in TERMINAL:
                    set_state(api, flow_run["id"], "CRASHED", force=True)

    def observed_on(self) -> ObservedOn:
        """Server and worker."""
        self._prefect.wait_ready()
        with PrefectApi(self._prefect.url) as api:
            pool = api.get(f"/work_pools/{self._pool}")
            served_by = f"Prefect server {api.version()}, {pool['type']} worker"
        return ObservedOn.now(served_by, f"prefect {version_of('prefect')}")

    def ready(self, interruption: Interruption, run: Run) -> bool:
        """See Service; a second run is started with the first, so that both run at once."""
        if interruption is not Interruption.START_AGAIN:
            return super().ready(interruption, run)
        with PrefectApi(self._prefect.url) as api:
            return bool(api.flow_runs(run.job.run_id))

    def interrupt(self, interruption: Interruption, run: Run, caller: subprocess.Popen[str]) -> bool:
        """See Service; what is not on this machine, or not ours, is left alone."""
        actions = {
            Interruption.KILL_ORCHESTRATOR: lambda: self._kill_flow(run),
            Interruption.KILL_WORKER: self._kill_worker,
            Interruption.KILL_FLOW_AND_WORKER: lambda: self._kill_worker() and self._kill_flow(run),
            Interruption.RESTART_SERVER: self._restart_server,
            Interruption.CANCEL_THROUGH_ENGINE: lambda: self._cancel(run),
            Interruption.START_AGAIN: lambda: self._start_again(run),
            Interruption.DEPLOY_AGAIN: self._deploy_again,
        }
        action = actions.get(interruption)
        return action() if action else super().interrupt(interruption, run, caller)

    def watch(self, run_id: str) -> Watch:
        """Asks the server."""
        return DeployedWatch(self._prefect.url, self._deployment, run_id)

    def _deploy(self) -> None:
        with PrefectApi(self._prefect.url) as api:
            if self._own_worker:
                api.post("/work_pools/", {"name": self._pool, "type": "process"})
            flow = api.post("/flows/", {"name": "run-pipeline"})
            self._deployment = api.post("/deployments/", self._described(flow["id"]))["id"]
        self.servers.started.callback(self._remove)
        self.servers.started.callback(self._kill_flows)

    def _described(self, flow_id: str) -> dict[str, Any]:
        return {
            "name": self._pool if self._own_worker else NAME,
            "flow_id": flow_id,
            "entrypoint": "flows/prefect_flow.py:run_pipeline",
            "path": str(ROOT),
            "pull_steps": [{"prefect.deployments.steps.set_working_directory": {"directory": str(ROOT)}}],
            "work_pool_name": self._pool,
            "concurrency_limit": SLOTS,
            "concurrency_options": {"collision_strategy": "ENQUEUE"},
            "enforce_parameter_schema": False,
        }

    def _start_worker(self) -> None:
        name = f"{NAME}-{secrets.token_hex(4)}"
        command = ["worker", "start", "--pool", self._pool, "--name", name, "--type", "process"]
        env = {"PREFECT_WORKER_QUERY_SECONDS": "1"} | without_ours(os.environ) | self._prefect.client_environment()
        with self._log.open("ab") as log:
            worker = self._worker = start(command, env, log)
        self.servers.started.callback(stop, worker)
        deadline = time.monotonic() + STARTUP
        with PrefectApi(self._prefect.url) as api:
            while time.monotonic() < deadline and worker.poll() is None:
                workers = api.post(f"/work_pools/{self._pool}/workers/filter", {})
                if any(each["name"] == name and each["status"] == "ONLINE" for each in workers):
                    return
                threading.Event().wait(POLL_INTERVAL)
        raise TerminalError(f"the Prefect worker does not start; its output:\n{self._log.read_text()[-2_000:]}")

    def _watch_heartbeats(self) -> None:
        """Set up the automation that `make serve` sets up; it watches only runs that carry its tag."""
        command = [sys.executable, "-m", "flows.on_prefect.heartbeats"]
        env = without_ours(os.environ) | self._prefect.client_environment()
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise TerminalError(f"heartbeats cannot be watched:\n{done.stdout}{done.stderr}")
        self._watched = True

    @property
    def _log(self) -> Path:
        return self.servers.folder / "worker.log"

    def _remove(self) -> None:
        """Take the comparison's deployment off a server of the user's."""
        with suppress(httpx.HTTPError), PrefectApi(self._prefect.url) as api:
            api.delete(f"/deployments/{self._deployment}")
            if self._own_worker:
                api.delete(f"/work_pools/{self._pool}")

    def _kill_flows(self) -> None:
        """End the processes of flows, which do not end with their worker."""
        for pid in _with_environment(f"{DEPLOYMENT}={self._deployment}"):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _flow_processes(self, run_id: str) -> list[int]:
        """The processes on this machine of flow runs that are not over."""
        with PrefectApi(self._prefect.url) as api:
            ids = [run["id"] for run in api.flow_runs(run_id) if run["state_type"] not in TERMINAL]
        return [pid for flow_run_id in ids for pid in _with_environment(f"PREFECT__FLOW_RUN_ID={flow_run_id}")]

    def _kill_flow(self, run: Run) -> bool:
        if not (pid := _opened(run)):
            return False
        os.kill(pid, signal.SIGKILL)
        return True

    def _kill_worker(self) -> bool:
        if self._worker is None:
            return False
        os.kill(self._worker.pid, signal.SIGKILL)
        self._worker.wait()
        return True

    def _restart_server(self) -> bool:
        if not self._prefect.ours:
            return False
        self._prefect.stop()
        self._prefect.start()
        return True

    def _cancel(self, run: Run) -> bool:
        with PrefectApi(self._prefect.url) as api:
            set_state(api, api.flow_runs(run.job.run_id)[0]["id"], "CANCELLING")
        return True

    def _start_again(self, run: Run) -> bool:
        with PrefectApi(self._prefect.url) as api:
            first = api.flow_runs(run.job.run_id)[0]
            again = {key: first[key] for key in ("name", "parameters", "job_variables", "tags")}
            api.post(f"/deployments/{self._deployment}/create_flow_run", again)
        return True

    def _deploy_again(self) -> bool:
        """As a team does that ships a new version: other defaults, under the same name."""
        with PrefectApi(self._prefect.url) as api:
            changed = {"parameters": {"num_shards": 3}, "version": "changed", "tags": ["changed"]}
            api.patch(f"/deployments/{self._deployment}", changed)
        return True


class DeployedWatch(Watch):
    """Watches a flow run and its deployment's slots."""

    def __init__(self, url: str, deployment: str, run_id: str) -> None:
        super().__init__()
        self._url, self._deployment, self._run_id = url, deployment, run_id
        self._next = 0.0

    @property
    def over(self) -> bool:
        """See Watch."""
        return self.known_seconds is not None and self.slot_seconds is not None

    def look(self) -> None:
        """See Watch; a server that is away says nothing."""
        if self.over or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + WATCH_INTERVAL
        with suppress(httpx.HTTPError), PrefectApi(self._url) as api:
            states = {run["state_type"] for run in api.flow_runs(self._run_id)}
            if self.known_seconds is None and states <= TERMINAL:
                self.known_seconds = self.elapsed
            limit = api.get(f"/deployments/{self._deployment}")["global_concurrency_limit"]
            if self.slot_seconds is None and limit["active_slots"] == 0:
                self.slot_seconds = self.elapsed


def set_state(api: PrefectApi, flow_run_id: str, state: str, *, force: bool = False) -> None:
    """Ask for a state of a flow run, or force one."""
    api.post(f"/flow_runs/{flow_run_id}/set_state", {"state": {"type": state}, "force": force})


def _with_environment(entry: str) -> list[int]:
    """The processes with this in their environment, where the system shows it (Linux)."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if entry.encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def _opened(run: Run) -> int | None:
    """The process of the latest flow run, as it wrote itself down; None before, or on another machine."""
    if not (names := run.store.names(run.name("invocations"))):
        return None
    opened = read_json(run.store, run.name(f"invocations/{max(names, key=_number)}"))
    return int(opened["pid"]) if opened["host"] == socket.gethostname() else None


def _number(name: str) -> int:
    return int(name.removesuffix(".json"))


def _alive(pid: int | None) -> bool:
    """Whether a process runs; one that is not known is taken to."""
    if pid is None:
        return True
    with suppress(OSError):
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False
