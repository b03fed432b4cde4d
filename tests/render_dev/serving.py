"""Starts a server, ours or the official one, and talks to it."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psutil
import pytest

from flows.render_dev.child import ServerProcess
from tests.local_http import answers
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from render.client.workflows_sync import SyncWorkflowsService

JSON_BODY = {"Content-Type": "application/json"}  # of a body that is written by hand
APPS = Path(__file__).with_name("apps")
FINAL = {"completed", "failed", "canceled"}
FORKED = (sys.executable, "-m", "render.workflows.cli")
PLAIN = ("/usr/bin/env", sys.executable, "-m", "render.workflows.cli")  # not our interpreter, so never forked
JSON = dict[str, Any]


@dataclass
class Server:
    """A running server as tests use it; `official` marks the one that rows of level X allow to differ."""

    url: str
    pid: int
    official: bool = False
    lines: Sequence[str] = ()
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        """Open a client that no proxy setting can lead astray."""
        self.http = httpx.Client(base_url=f"{self.url}/v1", trust_env=False, verify=False, timeout=60)  # noqa: S501 — no TLS

    def start(self, task: str, arguments: Any = (), **body: Any) -> JSON:
        """Start a run and return it as the server answered."""
        answer = self.http.post("/task-runs", json={"task": task, "input": arguments} | body)
        assert answer.status_code == 202, answer.text
        run: JSON = answer.json()
        return run

    def run(self, identity: str) -> JSON:
        """Return a run's details."""
        answer = self.http.get(f"/task-runs/{identity}")
        assert answer.status_code == 200, answer.text
        run: JSON = answer.json()
        return run

    def ended(self, identity: str, seconds: float = 30) -> JSON:
        """Wait for a run's end and return its details."""
        wait_until(lambda: self.run(identity)["status"] in FINAL, timeout=seconds, what=f"the end of {identity}")
        return self.run(identity)

    def finish(self, task: str, arguments: Any = ()) -> JSON:
        """Start a run, wait for its end and return its details."""
        return self.ended(self.start(task, arguments)["id"])

    def value(self, task: str, arguments: Any = ()) -> Any:
        """Run a task that returns one value, and return that."""
        details = self.finish(task, arguments)
        assert details["status"] == "completed", details
        [value] = details["results"]
        return value

    def runs(self, **query: str) -> list[JSON]:
        """List runs."""
        return [each["taskRun"] for each in self.http.get("/task-runs", params=query).json()]

    def tasks(self) -> list[JSON]:
        """List tasks."""
        return [each["task"] for each in self.http.get("/tasks").json()]

    def cancel(self, identity: str) -> httpx.Response:
        """Cancel a run."""
        return self.http.delete(f"/task-runs/{identity}")

    def log(self, identity: str) -> str:
        """Return all that a run has written."""
        records = self.http.get("/logs", params={"taskRunID": identity}).json()["logs"]
        return "".join(record["message"] for record in records)

    @contextlib.contextmanager
    def sdk(self) -> Iterator[SyncWorkflowsService]:
        """Lend the real SDK's client for this server."""
        from render import Render

        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("RENDER_LOCAL_DEV_URL", self.url)
            workflows = Render().workflows
        with workflows.client.internal:
            yield workflows


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Compose a server's environment: nothing is written next to the apps, nothing goes through a proxy."""
    quiet = {"PYTHONDONTWRITEBYTECODE": "1", "NO_PROXY": "localhost,127.0.0.1"}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("RENDER_")}
    return inherited | quiet | dict(extra or {})


@contextlib.contextmanager
def ours(
    command: Sequence[str], cwd: Path = APPS, *options: str, env: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Run our server while the block runs, and check that it leaves no process and no folder behind."""
    folder = Path(tempfile.mkdtemp(prefix="rd-"))  # short, since sockets live below it
    process = ServerProcess(
        ["--port", "0", *options, "--", *command], environment({"TMPDIR": str(folder)} | dict(env or {})), cwd
    )
    try:
        server = Server(process.wait_ready(60), process.process.pid, lines=process.lines)
        with server.http:
            yield server
            family = descendants(server.pid)
    finally:
        process.stop()
        left = list(folder.iterdir())
        shutil.rmtree(folder)
    assert left == [], "the server left files behind"
    wait_until(lambda: not any(alive(each) for each in family), timeout=5, what="the end of every worker")


@contextlib.contextmanager
def official(command: Sequence[str], cwd: Path, env: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Run the official server while the block runs."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = [os.environ["RENDER_CLI"], "workflows", "dev", "--port", str(port), "--", *command]
    folder = Path(tempfile.mkdtemp(prefix="rd-"))  # for its sockets, which it leaves behind
    settings = environment({"TMPDIR": str(folder)} | dict(env or {}))
    process = subprocess.Popen(
        arguments, env=settings, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    server = Server(f"http://127.0.0.1:{port}", process.pid, official=True)
    try:
        wait_until(lambda: answers(f"{server.url}/v1/tasks"), timeout=60, what="the official server")
        with server.http:
            yield server
    finally:
        family = descendants(process.pid)
        process.kill()
        process.wait()
        for each in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        shutil.rmtree(folder)


def descendants(pid: int) -> list[psutil.Process]:
    """List all processes below one."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def alive(process: psutil.Process | int) -> bool:
    """Say whether a process still runs; a zombie does not."""
    try:
        found = psutil.Process(process) if isinstance(process, int) else process
        return found.is_running() and found.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
