"""A Prefect server for the time of this process, where Prefect's settings name none.

Prefect can start one itself. Ours ends with its process whatever ends it, is known to all processes that this one
starts, and shows what it wrote where it does not start.
"""

from __future__ import annotations

import atexit
import os
from pathlib import Path
from tempfile import NamedTemporaryFile

import httpx
from prefect.context import refresh_global_settings_context
from prefect.settings import get_current_settings

from flows.on_prefect.operations.services import (
    HOST,
    check_home,
    free_port,
    start_server,
    stop,
    wait_until_healthy,
)
from flows.on_prefect.server import api_url, check
from shared.run.proxies import usable

# A run needs none of them: nothing is scheduled, nobody opens the UI.
WITHOUT = {
    "PREFECT_SERVER_UI_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
}


def ensure_server() -> bool:
    """Have a server that answers: the one that Prefect's settings name, else one that is stopped as this process ends.

    Returns:
        Whether it stays when this process ends.

    Raises:
        TerminalError: The server asks for a password, none may be started, or its files cannot be written.
        TransientError: It does not answer, or does not start.
    """
    stays = api_url() is not None
    if not stays:
        _start()
    check()
    return stays


def _start() -> None:
    settings = get_current_settings()
    with usable():
        httpx.Client().close()  # else that is reported only when the server runs
    check_home(settings.home)
    port = free_port()
    url = f"http://{HOST}:{port}/api"
    with NamedTemporaryFile(prefix="prefect-server-", suffix=".log") as log:
        server = start_server(port, os.environ | WITHOUT, log)
        # Registered before Prefect's threads that send logs and events, so that they have ended before the server.
        atexit.register(stop, server)
        wait_until_healthy(url, server, Path(log.name), settings.server.ephemeral.startup_timeout_seconds)
    os.environ["PREFECT_API_URL"] = url
    refresh_global_settings_context()
