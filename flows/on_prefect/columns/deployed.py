"""Prefect as teams run it: a deployment on a work pool, started through the API, executed by a worker."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import httpx

from flows.engine.interruption import Interruption
from flows.engine.observed_on import ObservedOn, version_of
from flows.engine.service import Service, Settings, Watch
from flows.on_prefect.columns.api import TERMINAL, PrefectApi
from flows.on_prefect.columns.in_process import PrefectService
from flows.on_prefect.columns.processes import VISIBLE, with_environment
from flows.on_prefect.columns.watch import DeployedWatch
from flows.on_prefect.columns.worker import Worker
from flows.on_prefect.operations.services import ROOT
from shared.run.store import read_json

if TYPE_CHECKING:
    import subprocess

    from flows.engine.record import Record
    from flows.engine.session import Session
    from shared.run.run import Run

NAME = "shardwise-compare"
DEPLOYMENT = "COMPARED_DEPLOYMENT"  # in the environment of the process that starts a run: the deployment's id
FLOW_RUN = "PREFECT__FLOW_RUN_ID"  # in the environment of a flow's process
LOOK_INTERVAL = 1.0  # seconds between two checks whether its process is dead
UNREPORTED = 15.0  # seconds after which the death of a flow's process counts as not reported


class DeployedService(Service):
    """Runs flows on a worker of the comparison, or on those of a work pool that the user names.

    Attributes:
        entrypoint: The flow of the deployment, and the module that contains it.
        concurrency: Parallel runs of the deployment; two runs of one run_id can meet.
        tags: Tags of the deployment.
    """

    watches = True
    startup = 20.0
    entrypoint = ("run-pipeline", "flows/prefect_flow.py:run_pipeline")
    concurrency: int | None = 2
    tags: tuple[str, ...] = ()

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.prefect = session.of(PrefectService)
        self._pool = session.choices.options.get("work_pool", "") or f"{NAME}-{secrets.token_hex(4)}"
        self.deployment = ""
        own = not session.choices.options.get("work_pool", "")
        self._worker = Worker(self.prefect, self._pool, session.folder / "worker.log") if own else None
        self._dead_since = self._next_look = 0.0

    def not_observable(self) -> str:
        """Return why it cannot be observed: the user's work pool needs the user's server."""
        if self.session.choices.options.get("work_pool", "") and self.prefect.ours:
            return "--work-pool names a pool of your server; set PREFECT_API_URL to that server"
        return ""

    def prepare(self) -> None:
        """Start the server."""
        self.prefect.prepare()

    def environment(self, settings: Settings, workers: int) -> Settings:
        """Return where the deployment is, after starting server and worker."""
        self.prefect.wait_ready()
        if not self.deployment:
            self.deploy()
        if self._worker:
            self._worker.ensure()
        self._dead_since = time.monotonic()
        given = {DEPLOYMENT: self.deployment, "SHARDWISE_WORKERS": str(workers)}
        return settings | self.prefect.client_environment() | given

    def records(self, environment: Settings, run_id: str) -> list[Record]:
        """Return the flow runs of a run_id."""
        return self.prefect.records(environment, run_id)

    def abandoned(self, run: Run) -> bool:
        """Whether the server says Running, although the flow's process has been dead for too long to be reported."""
        now = time.monotonic()
        if not self._worker or not VISIBLE or now < self._next_look:
            return False
        self._next_look = now + LOOK_INTERVAL
        if not self._dead(run.job.run_id):
            self._dead_since = now
        return now - self._dead_since > UNREPORTED

    def _dead(self, run_id: str) -> bool:
        """Whether the server says that the latest flow run is running, but no process runs it."""
        with suppress(httpx.HTTPError), PrefectApi(self.prefect.url) as api:
            latest = api.flow_runs(run_id)[-1:]
            return any(run["state_type"] == "RUNNING" and not with_environment(FLOW_RUN, run["id"]) for run in latest)
        return False  # an unavailable server does not answer

    def continues(self, run: Run) -> bool:
        """Whether the process of a flow run that has not ended is alive."""
        return bool(self._flow_processes(run.job.run_id))

    def clear(self, environment: Settings, run_id: str) -> None:
        """Kill running flows, and remove them from the server, so that they hold no slot of a later cell.

        Restore the deployment, which a cell may have changed.
        """
        del environment
        self.prefect.wait_ready()
        kill(self._flow_processes(run_id))
        with PrefectApi(self.prefect.url) as api:
            api.patch(f"/deployments/{self.deployment}", {"parameters": {}, "tags": list(self.tags)})
            for flow_run in api.flow_runs(run_id):
                if flow_run["state_type"] not in TERMINAL:
                    api.set_state(flow_run["id"], "CRASHED", force=True)

    def observed_on(self) -> ObservedOn:
        """Return server and worker."""
        self.prefect.wait_ready()
        with PrefectApi(self.prefect.url) as api:
            pool = api.get(f"/work_pools/{self._pool}")
            served_by = f"Prefect server {api.version()}, {pool['type']} worker"
        return ObservedOn.now(served_by, f"prefect {version_of('prefect')}")

    def ready(self, interruption: Interruption, run: Run) -> bool:
        """Whether the run is in its middle; a second run is started with the first, so that both run in parallel."""
        if interruption is not Interruption.START_AGAIN:
            return super().ready(interruption, run)
        with PrefectApi(self.prefect.url) as api:
            return bool(api.flow_runs(run.job.run_id))

    def interrupt(self, interruption: Interruption, run: Run, caller: subprocess.Popen[str]) -> bool:
        """Interrupt a run; processes on other machines, or of others, are not touched."""
        actions = {
            Interruption.KILL_ORCHESTRATOR: lambda: self._kill_flow(run),
            Interruption.KILL_WORKER: self._kill_worker,
            Interruption.KILL_FLOW_AND_WORKER: lambda: self._lose_machine(run),
            Interruption.RESTART_SERVER: self._restart_server,
            Interruption.CANCEL_THROUGH_ENGINE: lambda: self._cancel(run),
            Interruption.START_AGAIN: lambda: self._start_again(run),
            Interruption.DEPLOY_AGAIN: self._deploy_again,
        }
        action = actions.get(interruption)
        return action() if action else super().interrupt(interruption, run, caller)

    def watch(self, run_id: str) -> Watch:
        """Watch through the server's API."""
        return DeployedWatch(self.prefect.url, self.deployment, run_id)

    def deploy(self) -> None:
        """Create the deployment, and a work pool if the user names none."""
        with PrefectApi(self.prefect.url) as api:
            if self._worker:
                api.post("/work_pools/", {"name": self._pool, "type": "process"})
            flow = api.post("/flows/", {"name": self.entrypoint[0]})
            self.deployment = api.post("/deployments/", self._described(flow["id"]))["id"]
        self.session.started.callback(self._remove)
        self.session.started.callback(self._kill_flows)
        if self._worker:
            self.session.started.callback(self._worker.stop)

    def _described(self, flow_id: str) -> dict[str, Any]:
        return {
            "name": self._pool if self._worker else NAME,
            "flow_id": flow_id,
            "entrypoint": self.entrypoint[1],
            "path": str(ROOT),
            "pull_steps": [{"prefect.deployments.steps.set_working_directory": {"directory": str(ROOT)}}],
            "work_pool_name": self._pool,
            "concurrency_limit": self.concurrency,
            "concurrency_options": {"collision_strategy": "ENQUEUE"},
            "enforce_parameter_schema": False,
            "tags": list(self.tags),
        }

    def _remove(self) -> None:
        """Remove the comparison's deployment from a user's server."""
        with suppress(httpx.HTTPError), PrefectApi(self.prefect.url) as api:
            api.delete(f"/deployments/{self.deployment}")
            if self._worker:
                api.delete(f"/work_pools/{self._pool}")

    def _kill_flows(self) -> None:
        """Kill the processes of flows, which do not end with their worker."""
        kill(with_environment(DEPLOYMENT, self.deployment))

    def _flow_processes(self, run_id: str) -> list[int]:
        """Return the processes on this machine of flow runs that have not ended."""
        with PrefectApi(self.prefect.url) as api:
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

    def _lose_machine(self, run: Run) -> bool:
        """Kill a flow and its worker; another worker of the pool is running, as on another machine."""
        if self._worker is None or not (self._kill_worker() and self._kill_flow(run)):
            return False
        self._worker.ensure()
        return True

    def _restart_server(self) -> bool:
        if not self.prefect.ours:
            return False
        self.prefect.stop()
        self.prefect.start()
        return True

    def _cancel(self, run: Run) -> bool:
        with PrefectApi(self.prefect.url) as api:
            api.set_state(api.flow_runs(run.job.run_id)[0]["id"], "CANCELLING")
        return True

    def _start_again(self, run: Run) -> bool:
        with PrefectApi(self.prefect.url) as api:
            first = api.flow_runs(run.job.run_id)[0]
            again = {key: first[key] for key in ("name", "parameters", "job_variables", "tags")}
            api.post(f"/deployments/{self.deployment}/create_flow_run", again)
        return True

    def _deploy_again(self) -> bool:
        """Deploy other defaults under the same name, as a team does for a new version."""
        with PrefectApi(self.prefect.url) as api:
            changed = {"parameters": {"num_shards": 3}, "version": "changed", "tags": [*self.tags, "changed"]}
            api.patch(f"/deployments/{self.deployment}", changed)
        return True


def kill(pids: list[int]) -> None:
    """Kill processes at once; some may have ended."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
