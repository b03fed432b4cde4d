"""A Prefect server for all cells: the one that ``PREFECT_API_URL`` names, else one started for the comparison."""

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

STARTUP, POLL_INTERVAL = 120.0, 0.1  # seconds: longest start, between two looks


class PrefectService(Service):
    """Serves flows that run in the process of their caller."""

    startup = 15.0  # processes of a pool import Prefect each

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._given = os.environ.get("PREFECT_API_URL", "")
        self._process: Process | None = None
        self._port = 0

    @property
    def ours(self) -> bool:
        """Whether the server was started for the comparison."""
        return not self._given

    @property
    def url(self) -> str:
        """Its API."""
        return self._given or f"http://127.0.0.1:{self._port}/api"

    def prepare(self) -> None:
        """Start it, once."""
        if self.ours and self._process is None:
            with socket.create_server(("127.0.0.1", 0)) as probe:
                self._port = probe.getsockname()[1]
            self.session.started.callback(self.stop)
            self.start()

    def start(self) -> None:
        """Start it on its port, which it keeps, with what its database has."""
        command = ["server", "start", "--host", "127.0.0.1", "--port", str(self._port)]
        env = PREFECT_ENVIRONMENT | os.environ | self._home()
        with self._log.open("ab") as log:
            self._process = start(command, env, log)

    def stop(self) -> None:
        """Stop it, if it was started here."""
        if self._process is not None:
            stop(self._process)

    def environment(self, settings: Settings, workers: int) -> Settings:
        """Where it is, once it answers."""
        self.wait_ready()
        return super().environment(settings, workers) | self.client_environment()

    def client_environment(self) -> Settings:
        """What a process needs to talk to it."""
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
        """The flow runs of a run_id."""
        del environment
        with PrefectApi(self.url) as api:
            return read_prefect(api, run_id)

    def observed_on(self) -> ObservedOn:
        """The server and its version; the flow runs in a process of ours."""
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
