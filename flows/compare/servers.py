"""The servers of a comparison: one of Prefect and one of Render for all cells, each started when it is first needed."""

from __future__ import annotations

import os
import socket
import threading
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Self

import httpx

from flows.engines import PREFECT_ENVIRONMENT
from flows.on_render.api import Endpoint, RenderApi
from flows.on_render.engine import own_server
from flows.services import ROOT, Service, start, stop
from shared.run.errors import TerminalError

if TYPE_CHECKING:
    from pathlib import Path

    from flows.compare.columns import Column

STARTUP, GLANCE = 120.0, 0.1  # seconds: longest start, between two looks


class Servers:
    """Starts what columns need, says where it is, and stops it all at the end of a ``with`` block.

    A Prefect server that ``PREFECT_API_URL`` names is used. A Render server is always our own: its tasks take waits and
    timeouts from its environment, so scenarios with a timeout of their own have a second one.
    """

    def __init__(self, folder: Path, workers: int) -> None:
        """Nothing is started yet.

        Args:
            folder: For Prefect's database and logs.
            workers: Tasks at a time on Render.
        """
        self._folder = folder
        self._workers = workers
        self._prefect: Service | None = None
        self._prefect_url = os.environ.get("PREFECT_API_URL", "")
        self._render: dict[tuple[tuple[str, str], ...], str] = {}
        self._started = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._started.close()

    def environment(self, column: Column, settings: dict[str, str]) -> dict[str, str]:
        """The environment of a cell's process, its server started.

        Args:
            column: Where the cell runs.
            settings: Of the policy, for whoever makes the attempts.

        Raises:
            TerminalError: The server does not start.
        """
        ours = settings | column.environment
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("SHARDWISE_")}
        if column.engine == "prefect":
            return PREFECT_ENVIRONMENT | inherited | ours | self._of_prefect()
        if column.engine == "render":
            return inherited | ours | {"RENDER_LOCAL_DEV_URL": self.render_url(settings)}
        return inherited | ours

    def render_url(self, settings: dict[str, str]) -> str:
        """Where the Render server with these settings is."""
        key = tuple(sorted(settings.items()))
        if key not in self._render:
            server = own_server(self._workers, os.environ | settings, ROOT)  # its tasks are those of this checkout
            self._render[key] = self._started.enter_context(server)
        return self._render[key]

    @property
    def prefect_url(self) -> str:
        """The API of the Prefect server."""
        self._of_prefect()
        return self._prefect_url

    def prepare(self, columns: list[Column]) -> None:
        """Let a Prefect server that will be needed start while others work."""
        if not self._prefect_url and any(column.engine == "prefect" for column in columns):
            with socket.create_server(("127.0.0.1", 0)) as probe:
                port = probe.getsockname()[1]
            self._prefect_url = f"http://127.0.0.1:{port}/api"
            command = ["server", "start", "--host", "127.0.0.1", "--port", str(port)]
            env = PREFECT_ENVIRONMENT | os.environ | self._home()
            with (self._folder / "prefect.log").open("wb") as log:
                self._prefect = start(command, env, log)
            self._started.callback(stop, self._prefect)

    def _home(self) -> dict[str, str]:
        return {"PREFECT_HOME": str(self._folder / "prefect")}

    def _of_prefect(self) -> dict[str, str]:
        """Where the Prefect server is, once it answers."""
        if self._prefect is None:
            return {"PREFECT_API_URL": self._prefect_url}
        deadline = time.monotonic() + STARTUP
        while time.monotonic() < deadline and self._prefect.poll() is None:
            with suppress(httpx.HTTPError):
                if httpx.get(f"{self._prefect_url}/health", trust_env=False).is_success:
                    return self._home() | {"PREFECT_API_URL": self._prefect_url}
            threading.Event().wait(GLANCE)
        said = (self._folder / "prefect.log").read_text()[-2_000:]
        raise TerminalError(f"the Prefect server does not answer at {self._prefect_url}; it said:\n{said}")


def cancel_unfinished(url: str) -> None:
    """Cancel what still runs on a Render server, so that it holds no place of a later cell."""
    with RenderApi(Endpoint(url)) as api:
        for run in api.roots():
            if run["status"] in {"pending", "running"}:
                api.cancel(run["id"])
