"""A Prefect server for this process, started if Prefect's settings name none.

Unlike the one that Prefect can start, it always ends with this process, all processes that this one starts can use it,
and its output is shown if it does not start.
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

# A run needs none of these services: nothing is scheduled, and the UI is not used.
WITHOUT = {
    "PREFECT_SERVER_UI_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
}


def ensure_server() -> bool:
    """Provide a server that answers: the one of Prefect's settings, else one that is stopped when this process ends.

    Returns:
        Whether the server stays when this process ends.

    Raises:
        TerminalError: The server requires a password, starting one is not allowed, or its files cannot be written.
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
        httpx.Client().close()  # otherwise this is reported only when the server runs
    check_home(settings.home)
    port = free_port()
    url = f"http://{HOST}:{port}/api"
    with NamedTemporaryFile(prefix="prefect-server-", suffix=".log") as log:
        server = start_server(port, os.environ | WITHOUT, log)
        # Registered before Prefect's threads that send logs and events, so that they end before the server.
        atexit.register(stop, server)
        wait_until_healthy(url, server, Path(log.name), settings.server.ephemeral.startup_timeout_seconds)
    os.environ["PREFECT_API_URL"] = url
    refresh_global_settings_context()
