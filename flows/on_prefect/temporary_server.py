"""A Prefect server of our own for a while: its own database and port, gone afterwards."""

from __future__ import annotations

import os
import socket
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import httpx

from flows.on_prefect.environment import PREFECT_ENVIRONMENT
from flows.on_prefect.operations.services import start, stop
from shared.run.errors import TransientError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOST = "127.0.0.1"
STARTUP, POLL_INTERVAL = 180.0, 0.1  # seconds: longest start, between two looks


@contextmanager
def temporary_server(folder: Path) -> Iterator[str]:
    """The address of its API, as long as the block lasts.

    Args:
        folder: For its database and its log; it exists.
    """
    port = _free_port()
    own = {
        "PREFECT_HOME": str(folder),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{folder}/prefect.db",
        "PREFECT_SERVER_API_PORT": str(port),
    }
    theirs = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    with (folder / "server.log").open("wb") as log:
        server = start(
            ["server", "start", "--host", HOST, "--port", str(port)], theirs | PREFECT_ENVIRONMENT | own, log
        )
        try:
            url = f"http://{HOST}:{port}/api"
            deadline = time.monotonic() + STARTUP
            while not _answers(url):
                if server.poll() is not None or time.monotonic() > deadline:
                    told = (folder / "server.log").read_text(errors="replace")[-2000:]
                    raise TransientError(f"a temporary Prefect server did not start:\n{told}")
                time.sleep(POLL_INTERVAL)
            yield url
        finally:
            stop(server)


def _answers(url: str) -> bool:
    with suppress(httpx.HTTPError):
        return httpx.get(f"{url}/health", timeout=STARTUP).status_code == httpx.codes.OK
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port
