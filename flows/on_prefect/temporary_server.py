"""Runs a Prefect server with its own database and port while a block runs."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flows.on_prefect.environment import PREFECT_ENVIRONMENT
from flows.on_prefect.operations.services import HOST, free_port, running_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STARTUP = 180.0  # seconds: longest start


@contextmanager
def temporary_server(folder: Path) -> Iterator[str]:
    """Yield the address of its API while the block runs.

    Args:
        folder: The folder for its database and its log, which exists.
    """
    port = free_port()
    own = {
        "PREFECT_HOME": str(folder),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{folder}/prefect.db",
        "PREFECT_SERVER_API_PORT": str(port),
    }
    theirs = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    with running_server(port, theirs | PREFECT_ENVIRONMENT | own, folder / "server.log", STARTUP):
        yield f"http://{HOST}:{port}/api"
