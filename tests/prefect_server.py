"""A real Prefect server and worker for tests: on a free port, with a home of their own, ready by condition, reaped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import httpx
import psutil

from tests.command import environment
from tests.local_http import answers, request
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.hosts import Host

PREFECT = str(Path(sys.executable).with_name("prefect"))
LOOPBACK = "127.0.0.1"
ROOT = Path(__file__).resolve().parent.parent
STARTED = 180.0  # seconds: a first start migrates a database, on a machine that may be busy
STOPPED = 20.0  # seconds until what does not end on request is killed

Json = dict[str, Any]


@dataclass(frozen=True)
class PrefectServer:
    """A server that answers.

    Attributes:
        api_url: Its API.
        home: Its PREFECT_HOME, which clients share.
        scratch: For temporary files of its processes, which leave some when they are killed.
        pid: Its process; 0 if another process starts it.
    """

    api_url: str
    home: Path
    scratch: Path
    pid: int = 0

    @property
    def url(self) -> str:
        """Where its UI is."""
        return self.api_url.removesuffix("/api")

    def environment(self, **settings: str) -> dict[str, str]:
        """The environment of a process that talks to it."""
        ours = {
            "PREFECT_HOME": str(self.home),
            "PREFECT_API_URL": self.api_url,
            "TMPDIR": str(self.scratch),
            "PREFECT_LOGGING_TO_API_BATCH_INTERVAL": "0.2",
            "SHARDWISE_ALLOW_FAULTS": "true",
        }
        return environment(**(ours | settings))

    def get(self, path: str, **query: str) -> Any:
        """What the API answers."""
        return self._ask("GET", path, params=query)

    def post(self, path: str, body: Json | list[Json]) -> Any:
        """What the API answers."""
        return self._ask("POST", path, json=body)

    def _ask(self, method: str, path: str, **given: Any) -> Any:
        """Ask again where the server is too busy: its database was locked, and nothing was done."""

        def answer() -> httpx.Response | None:
            response = request(method, f"{self.api_url}/{path}", **given)
            return None if response.status_code == httpx.codes.SERVICE_UNAVAILABLE else response

        response = wait_until(answer, timeout=60, what=f"an answer of {path}")
        assert response is not None
        return response.raise_for_status().json()

    def task_runs(self, flow_run_id: str) -> list[Json]:
        """The task runs of a flow run, in the order of their start."""
        of_flow_run = {"flow_runs": {"id": {"any_": [flow_run_id]}}}
        runs: list[Json] = self.post("task_runs/filter", of_flow_run)
        return sorted(runs, key=lambda run: run["start_time"] or "")

    def ended_task_runs(self, flow_run_id: str, count: int) -> list[Json]:
        """The same, once there are so many and all have ended: the server records task states with a delay."""

        def all_ended() -> list[Json]:
            runs = self.task_runs(flow_run_id)
            return runs if len(runs) == count and all(run["end_time"] for run in runs) else []

        return wait_until(all_ended, timeout=30, what=f"{count} ended task runs of flow run {flow_run_id}")

    def states(self, task_run_id: str) -> list[Json]:
        """The states a task run went through, oldest first."""
        states: list[Json] = self.get("task_run_states/", task_run_id=task_run_id)
        return sorted(states, key=lambda state: state["timestamp"])

    def log(self, flow_run_id: str, order: str = "ASC") -> list[str]:
        """The first 200 messages of a flow run and its tasks, as the UI's log view shows them; ``DESC``: the last."""
        of_run = {"logs": {"flow_run_id": {"any_": [flow_run_id]}}, "sort": f"TIMESTAMP_{order}"}
        logs = self.post("logs/filter", of_run)
        return [entry["message"] for entry in logs]

    def artifacts(self, flow_run_id: str) -> dict[str, Json]:
        """The latest artifact of a flow run for each key."""
        found = self.post(
            "artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [flow_run_id]}}, "sort": "CREATED_DESC"}
        )
        return {artifact["key"]: artifact for artifact in reversed(found)}

    def flow_run(self, name: str) -> Json:
        """The only flow run of this name."""
        (run,) = self.post("flow_runs/filter", {"flow_runs": {"name": {"any_": [name]}}})
        found: Json = run
        return found

    def wait_for_state(self, flow_run_id: str, state: str, timeout: float = 60) -> Json:
        """The flow run, once it is in a state, such as ``COMPLETED``."""

        def reached() -> Json:
            run: Json = self.get(f"flow_runs/{flow_run_id}")
            return run if run["state_type"] == state else {}

        return wait_until(reached, timeout=timeout, what=f"the state {state} of flow run {flow_run_id}")

    def start(self, deployment: str, **parameters: Any) -> str:
        """A flow run of a deployment, as ``prefect deployment run`` makes one, without its three seconds; its id."""
        found = self.get(f"deployments/name/{deployment}")["id"]
        flow_run_id: str = self.post(f"deployments/{found}/create_flow_run", {"parameters": parameters})["id"]
        return flow_run_id

    def succeed(self, *arguments: str, **settings: str) -> None:
        """Run a ``prefect`` command, which ends well."""
        done = self.prefect(*arguments, timeout=100, **settings)
        assert done.returncode == 0, done.stdout + done.stderr

    def prefect(self, *arguments: str, timeout: float = 100, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run a ``prefect`` command in the project's root until it ends."""
        return subprocess.run(
            [PREFECT, *arguments],
            cwd=ROOT,
            env=self.environment(**settings),
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )


@contextmanager
def running_server(home: Path, host: str = LOOPBACK, /, **settings: str) -> Iterator[PrefectServer]:
    """A server with its database in ``home``, at an address of this machine; ``settings`` go into its environment."""
    port = free_port()
    command = [PREFECT, "server", "start", "--host", host, "--port", str(port)]
    with ExitStack() as stack:
        server = stack.enter_context(server_at(port, home, host))
        process = stack.enter_context(started(command, home / "server.log", server.environment(**settings)))
        wait_until(lambda: _is_healthy(server, process), timeout=STARTED, what=f"the server; see {home}/server.log")
        yield replace(server, pid=process.pid)


@contextmanager
def server_at(port: int, home: Path, host: str = LOOPBACK) -> Iterator[PrefectServer]:
    """A server that another process starts there. Its scratch is not in pytest's folder: paths of sockets are short."""
    with TemporaryDirectory(prefix="sw-", ignore_cleanup_errors=True) as scratch:
        yield PrefectServer(f"http://{host}:{port}/api", home, Path(scratch))


@contextmanager
def running_worker(
    server: PrefectServer, pool: str, host: Host | None = None, /, **settings: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A process worker that polls a work pool of the server; on another host it has the host's name, and one slot."""
    command = [PREFECT, "worker", "start", "--pool", pool, "--type", "process"]
    log = server.home / f"worker{f'-{host.name}' if host else ''}.log"
    if host:
        command = host.command(*command, "--name", host.name, "--limit", "1")
    ours = {"PREFECT_WORKER_QUERY_SECONDS": "1"} | settings
    with started(command, log, server.environment(**ours)) as process:

        def is_online() -> bool:
            assert process.poll() is None, f"the worker ended: {log.read_text()[-2000:]}"
            workers = server.post(f"work_pools/{pool}/workers/filter", {})
            online = {worker["name"] for worker in workers if worker["status"] == "ONLINE"}
            return host.name in online if host else bool(online)

        wait_until(is_online, timeout=STARTED, what=f"the worker; see {log}")
        yield process


@contextmanager
def started(command: list[str], log: Path, env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process with a group of its own, which is gone afterwards with all it started."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output, ExitStack() as stack:
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=output, stderr=output, start_new_session=True)
        stack.callback(reap, process)
        yield process


def reap(process: subprocess.Popen[Any], patience: float = STOPPED) -> None:
    """End a process that leads a group, politely for so many seconds, then it and all it started at once."""
    family = _family(process.pid)
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(patience)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for member in family:
        with suppress(psutil.NoSuchProcess):
            member.kill()
    process.wait(STOPPED)


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
    return port


def _family(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _is_healthy(server: PrefectServer, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, f"the server ended: {(server.home / 'server.log').read_text()[-2000:]}"
    return answers(f"{server.api_url}/health")
