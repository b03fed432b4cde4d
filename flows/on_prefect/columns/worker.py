"""A Prefect worker of the comparison, which is started when needed and killed by scenarios."""

from __future__ import annotations

import os
import secrets
import signal
import threading
import time
from typing import TYPE_CHECKING

from flows.engine.service import POLL_INTERVAL, without_ours
from flows.on_prefect.columns.api import PrefectApi
from flows.on_prefect.columns.in_process import STARTUP
from flows.on_prefect.operations.services import Service, start, stop
from shared.run.errors import TerminalError

if TYPE_CHECKING:
    from pathlib import Path

    from flows.on_prefect.columns.in_process import PrefectService


class Worker:
    """Executes the flow runs of one work pool."""

    def __init__(self, prefect: PrefectService, pool: str, log: Path) -> None:
        """Nothing is started yet.

        Args:
            prefect: The server.
            pool: The pool, of type process.
            log: The file for its output.
        """
        self._prefect, self._pool, self._log = prefect, pool, log
        self._process: Service | None = None

    def ensure(self) -> None:
        """Start it if it does not run, and return when the server knows it."""
        if self._process is not None and self._process.poll() is None:
            return
        name = f"{self._pool}-{secrets.token_hex(4)}"
        command = ["worker", "start", "--pool", self._pool, "--name", name, "--type", "process"]
        env = {"PREFECT_WORKER_QUERY_SECONDS": "1"} | without_ours(os.environ) | self._prefect.client_environment()
        with self._log.open("ab") as log:
            self._process = start(command, env, log)
        self._wait_online(name, self._process)

    def kill(self) -> None:
        """Kill it with SIGKILL, as the kernel or an operator does; its flows continue."""
        assert self._process is not None  # noqa: S101 — a run of it is in its middle
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            stop(self._process)

    def _wait_online(self, name: str, process: Service) -> None:
        deadline = time.monotonic() + STARTUP
        with PrefectApi(self._prefect.url) as api:
            while time.monotonic() < deadline and process.poll() is None:
                workers = api.post(f"/work_pools/{self._pool}/workers/filter", {})
                if any(each["name"] == name and each["status"] == "ONLINE" for each in workers):
                    return
                threading.Event().wait(POLL_INTERVAL)
        raise TerminalError(f"the Prefect worker does not start; its output:\n{self._log.read_text()[-2_000:]}")
