"""Prefect as teams run it: a deployment on a work pool, started through the API, executed by a worker."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import httpx

from flows.engine.interruption import Interruption
from flows.engine.observed_on import ObservedOn, version_of
from flows.engine.service import Service, Settings, Watch, without_ours
from flows.on_prefect.columns.api import TERMINAL, PrefectApi
from flows.on_prefect.columns.in_process import PrefectService
from flows.on_prefect.columns.processes import VISIBLE, with_environment
from flows.on_prefect.columns.watch import DeployedWatch
from flows.on_prefect.columns.worker import Worker
from flows.on_prefect.operations.services import ROOT
from shared.run.errors import TerminalError
from shared.run.store import read_json

if TYPE_CHECKING:
    from flows.engine.record import Record
    from flows.engine.session import Session
    from shared.run.run import Run

NAME = "shardwise-compare"
DEPLOYMENT = "COMPARED_DEPLOYMENT"  # in the environment of who starts a run: the deployment's id
HEARTBEATS = "COMPARED_HEARTBEATS"  # there, too, in slow scenarios: "true" where heartbeats are watched
SLOTS = 2  # runs at once: two runs of one run_id can meet
FLOW_RUN = "PREFECT__FLOW_RUN_ID"  # in the environment of a flow's process
LOOK_INTERVAL = 1.0  # seconds between two looks whether its process is dead
UNREPORTED = 15.0  # seconds after which the death of a flow's process counts as not reported


class DeployedService(Service):
    """Serves flow runs on a worker of ours, or on those of a work pool that the user names."""

    watches = True
    startup = 20.0

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._prefect = session.of(PrefectService)
        self._pool = session.choices.options.get("work_pool", "") or f"{NAME}-{secrets.token_hex(4)}"
        self._deployment = ""
        own = not session.choices.options.get("work_pool", "")
        self._worker = Worker(self._prefect, self._pool, session.folder / "worker.log") if own else None
        self._watched = self._patient = False
        self._dead_since = self._next_look = 0.0

    def not_observable(self) -> str:
        """A work pool of the user's is on a server of the user's."""
        if self.session.choices.options.get("work_pool", "") and self._prefect.ours:
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
        if self._worker:
            self._worker.ensure()
        self._patient, self._dead_since = HEARTBEATS in settings, time.monotonic()
        if settings.get(HEARTBEATS) == "true" and not self._watched:
            self._watch_heartbeats()
        given = {DEPLOYMENT: self._deployment, "SHARDWISE_WORKERS": str(workers)}
        return settings | self._prefect.client_environment() | given

    def records(self, environment: Settings, run_id: str) -> list[Record]:
        """The flow runs of a run_id."""
        return self._prefect.records(environment, run_id)

    def abandoned(self, run: Run) -> bool:
        """Whether the server says Running and the flow's process has been dead for so long that nobody reports it."""
        now = time.monotonic()
        if self._patient or not self._worker or not VISIBLE or now < self._next_look:
            return False
        self._next_look = now + LOOK_INTERVAL
        if not self._dead(run.job.run_id):
            self._dead_since = now
        return now - self._dead_since > UNREPORTED

    def _dead(self, run_id: str) -> bool:
        """Whether the server says of the latest flow run that it is running, and no process runs it."""
        with suppress(httpx.HTTPError), PrefectApi(self._prefect.url) as api:
            latest = api.flow_runs(run_id)[-1:]
            return any(run["state_type"] == "RUNNING" and not with_environment(FLOW_RUN, run["id"]) for run in latest)
        return False  # an unavailable server does not answer

    def continues(self, run: Run) -> bool:
        """Whether the process of a flow run that is not over is alive."""
        return bool(self._flow_processes(run.job.run_id))

    def clear(self, environment: Settings, run_id: str) -> None:
        """Kill flows that still run, and have the server forget them, so that they hold no slot of a later cell."""
        del environment
        self._prefect.wait_ready()
        _kill(self._flow_processes(run_id))
        with PrefectApi(self._prefect.url) as api:
            for flow_run in api.flow_runs(run_id):
                if flow_run["state_type"] not in TERMINAL:
                    api.set_state(flow_run["id"], "CRASHED", force=True)

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
            if self._worker:
                api.post("/work_pools/", {"name": self._pool, "type": "process"})
            flow = api.post("/flows/", {"name": "run-pipeline"})
            self._deployment = api.post("/deployments/", self._described(flow["id"]))["id"]
        self.session.started.callback(self._remove)
        self.session.started.callback(self._kill_flows)
        if self._worker:
            self.session.started.callback(self._worker.stop)

    def _described(self, flow_id: str) -> dict[str, Any]:
        return {
            "name": self._pool if self._worker else NAME,
            "flow_id": flow_id,
            "entrypoint": "flows/prefect_flow.py:run_pipeline",
            "path": str(ROOT),
            "pull_steps": [{"prefect.deployments.steps.set_working_directory": {"directory": str(ROOT)}}],
            "work_pool_name": self._pool,
            "concurrency_limit": SLOTS,
            "concurrency_options": {"collision_strategy": "ENQUEUE"},
            "enforce_parameter_schema": False,
        }

    def _watch_heartbeats(self) -> None:
        """Set up the automation that `make serve` sets up; it watches only runs that carry its tag."""
        command = [sys.executable, "-m", "flows.on_prefect.operations.heartbeats"]
        env = without_ours(os.environ) | self._prefect.client_environment()
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise TerminalError(f"heartbeats cannot be watched:\n{done.stdout}{done.stderr}")
        self._watched = True

    def _remove(self) -> None:
        """Take the comparison's deployment off a server of the user's."""
        with suppress(httpx.HTTPError), PrefectApi(self._prefect.url) as api:
            api.delete(f"/deployments/{self._deployment}")
            if self._worker:
                api.delete(f"/work_pools/{self._pool}")

    def _kill_flows(self) -> None:
        """End the processes of flows, which do not end with their worker."""
        _kill(with_environment(DEPLOYMENT, self._deployment))

    def _flow_processes(self, run_id: str) -> list[int]:
        """The processes on this machine of flow runs that are not over."""
        with PrefectApi(self._prefect.url) as api:
            ids = [run["id"] for run in api.flow_runs(run_id) if run["state_type"] not in TERMINAL]
        return [pid for flow_run_id in ids for pid in with_environment(FLOW_RUN, flow_run_id)]

    def _kill_flow(self, run: Run) -> bool:
        opened = read_json(run.store, run.name("invocations/1.json"))
        if opened["host"] != socket.gethostname():
            return False
        os.kill(opened["pid"], signal.SIGKILL)
        return True

    def _kill_worker(self) -> bool:
        if self._worker is None:
            return False
        self._worker.kill()
        return True

    def _restart_server(self) -> bool:
        if not self._prefect.ours:
            return False
        self._prefect.stop()
        self._prefect.start()
        return True

    def _cancel(self, run: Run) -> bool:
        with PrefectApi(self._prefect.url) as api:
            api.set_state(api.flow_runs(run.job.run_id)[0]["id"], "CANCELLING")
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


def _kill(pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
