"""Prefect as `make serve` starts it, for all tests of this folder: server, work pool, deployments, worker."""

from __future__ import annotations

import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from tests.prefect_server import STARTED, PrefectServer, free_port, server_at, started
from tests.sharing import shared_fixture
from tests.waiting import wait_until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    import pytest


@contextmanager
def serving(home: Path) -> Iterator[tuple[PrefectServer, subprocess.Popen[bytes]]]:
    """The server and the process of `make serve`, once its worker polls."""
    port = free_port()
    command = [sys.executable, "-m", "flows.on_prefect.operations.serve", "--port", str(port)]
    log = home / "serve.log"
    with ExitStack() as stack:
        server = stack.enter_context(server_at(port, home))
        before = len(log.read_text()) if log.exists() else 0
        settings = {
            "SHARDWISE_WAIT_SCALE": "0.05",
            "SHARDWISE_STORE_URL": str(home / "store"),
            "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "2",  # not 60: a schedule of the tests fires soon
        }
        process = stack.enter_context(started(command, log, server.environment(**settings)))

        def is_ready() -> bool:
            assert process.poll() is None, log.read_text()[-3000:]
            return "started!" in log.read_text()[before:]

        wait_until(is_ready, timeout=STARTED, what=f"the worker; see {log}")
        yield server, process


@shared_fixture
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """A server with the deployments and a worker."""
    with serving(tmp_path_factory.mktemp("served")) as (server, _):
        yield server
