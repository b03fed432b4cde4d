"""The Prefect server of all cells: the one of ``PREFECT_API_URL``, else one that the comparison starts."""

from __future__ import annotations

import os
import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import httpx

from flows.engine.observed_on import ObservedOn, version_of
from flows.engine.service import Service, Settings
from flows.on_prefect.columns.api import PrefectApi
from flows.on_prefect.columns.records import read_prefect
from flows.on_prefect.environment import PREFECT_ENVIRONMENT
from flows.on_prefect.operations.services import start, stop
from shared.run.errors import TerminalError

if TYPE_CHECKING:
    from pathlib import Path

    from flows.engine.record import Record
    from flows.engine.session import Session
    from flows.on_prefect.operations.services import Service as Process

STARTUP, POLL_INTERVAL = 120.0, 0.1  # seconds: longest start, between two polls


class PrefectService(Service):
    """Serves flows that run in their caller's process."""

    startup = 15.0  # each process of a pool imports Prefect

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._given = os.environ.get("PREFECT_API_URL", "")
        self._process: Process | None = None
        self._port = 0

    @property
    def ours(self) -> bool:
        """Whether the comparison started the server."""
        return not self._given

    @property
    def url(self) -> str:
        """The address of its API."""
        return self._given or f"http://127.0.0.1:{self._port}/api"

    def prepare(self) -> None:
        """Start it, once."""
        if self.ours and self._process is None:
            with socket.create_server(("127.0.0.1", 0)) as probe:
                self._port = probe.getsockname()[1]
            self.session.started.callback(self.stop)
            self.start()

    def start(self) -> None:
        """Start it on its port, which does not change, with the content of its database."""
        command = ["server", "start", "--host", "127.0.0.1", "--port", str(self._port)]
        env = PREFECT_ENVIRONMENT | os.environ | self._home()
        with self._log.open("ab") as log:
            self._process = start(command, env, log)

    def stop(self) -> None:
        """Stop it, if it was started here."""
        if self._process is not None:
            stop(self._process)

    def environment(self, settings: Settings, workers: int) -> Settings:
        """Return where it is, when it answers."""
        self.wait_ready()
        return super().environment(settings, workers) | self.client_environment()

    def client_environment(self) -> Settings:
        """Return the environment of a process that uses it."""
        defaults = {name: os.environ.get(name, value) for name, value in PREFECT_ENVIRONMENT.items()}
        return defaults | (self._home() if self.ours else {}) | {"PREFECT_API_URL": self.url}

    def wait_ready(self) -> None:
        """Return when it answers."""
        self.prepare()
        deadline = time.monotonic() + STARTUP
        while time.monotonic() < deadline and (self._process is None or self._process.poll() is None):
            with suppress(httpx.HTTPError), PrefectApi(self.url) as api:
                if api.healthy():
                    return
            threading.Event().wait(POLL_INTERVAL)
        output = self._log.read_text()[-2_000:] if self._log.exists() else ""
        raise TerminalError(f"the Prefect server does not answer at {self.url}; its output:\n{output}")

    def records(self, environment: Settings, run_id: str) -> list[Record]:
        """Return the flow runs of a run_id."""
        del environment
        with PrefectApi(self.url) as api:
            return read_prefect(api, run_id)

    def observed_on(self) -> ObservedOn:
        """Return the server and its version; flow runs are in a process of the comparison."""
        with PrefectApi(self.url) as api:
            server = api.version()
        return ObservedOn.now(
            f"Prefect server {server}, flow in its caller's process", f"prefect {version_of('prefect')}"
        )

    def _home(self) -> Settings:
        return {"PREFECT_HOME": str(self.session.folder / "prefect")}

    @property
    def _log(self) -> Path:
        return self.session.folder / "prefect.log"
