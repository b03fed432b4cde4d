"""Runs Prefect with one command: a server with its UI, the work pool, the deployments and a worker, until Ctrl-C."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Annotated

import httpx
import typer

from flows.on_prefect.environment import PREFECT_ENVIRONMENT, explained_settings
from flows.on_prefect.operations.services import (
    HOST,
    PREFECT,
    ROOT,
    Service,
    check_home,
    last_lines,
    running,
    running_server,
    start,
)
from shared.run.errors import TerminalError, TransientError
from shared.run.printable import printable
from shared.run.proxies import bypass_proxies, usable

PREFECT_FILE = "deployments/prefect.yaml"
POOL = "shardwise"
STARTUP, POLL_INTERVAL = 300.0, 0.25  # seconds: longest start, between two polls
AUTH = ("PREFECT_SERVER_API_AUTH_STRING", "PREFECT_API_AUTH_STRING")  # the server's password, and the clients'
SERVED = PREFECT_ENVIRONMENT | {
    "PREFECT_WORKER_QUERY_SECONDS": "1",
    # A worker fetches runs this long before they are due. A longer time would fetch a run that waits for a slot at
    # once.
    "PREFECT_WORKER_PREFETCH_SECONDS": "0",
    "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "5",  # until a run that waits for a slot tries again
    # SQLite has one writer. By default, Prefect writes each state of a task separately; batches leave time for
    # requests.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "200",
}


def serve(
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port of the server and its UI")] = 4200,
) -> None:
    """Start Prefect with everything that this project's deployments need, and stop it on Ctrl-C."""
    _make_stoppable()
    _check_free(port)
    url = f"http://{HOST}:{port}"
    log = _configure(f"{url}/api")
    with suppress(KeyboardInterrupt), ExitStack() as services:
        typer.echo(f"starting Prefect's server; its log is {log}")
        server = services.enter_context(running_server(port, os.environ, log, STARTUP))
        _prepare()
        worker = services.enter_context(running(start(["worker", "start", "--pool", POOL], os.environ)))
        typer.echo(_greeting(url))
        _watch({"server": server, "worker": worker})


def _configure(api_url: str) -> Path:
    """Set Prefect's variables for this process and its children; return the path of the server's log."""
    os.environ |= SERVED | os.environ | {"PREFECT_API_URL": api_url}
    with usable():  # before Prefect is imported, which reports invalid settings as tracebacks
        httpx.Client().close()
    check_home(Path(os.environ.get("PREFECT_HOME") or "~/.prefect").expanduser())
    from prefect.context import refresh_global_settings_context
    from prefect.settings import get_current_settings

    settings = get_current_settings()
    secrets = filter(None, (settings.server.api.auth_string, settings.api.auth_string))
    given = {secret.get_secret_value() for secret in secrets} - {""}
    if len(given) > 1:
        raise TerminalError(f"{AUTH[0]} and {AUTH[1]} differ: set only one of them, the other takes its value")
    os.environ |= {name: auth for auth in given for name in AUTH}
    refresh_global_settings_context()
    return settings.home / "server.log"


def _prepare() -> None:
    """Create the pool, the deployments and the automations; restart what an earlier `make serve` left running."""
    if not _has_pool():
        _prefect("work-pool create", POOL, "--type", "process")
    _prefect("--no-prompt deploy", "--all", "--prefect-file", PREFECT_FILE)
    from flows.on_prefect.operations import automations, crash
    from flows.on_prefect.server import explained

    with explained():
        automations.set_up()
        for run in crash.of_pool(POOL):
            state = crash.mark(run, "`make serve` ended while it ran")
            # The automation would wait for 15 minutes, because a restarted server has forgotten the state before.
            if again := state == automations.CRASHED:
                crash.start_again(run, "`make serve` has started again: it resumes")
            typer.echo(
                f"{run.name} ran when the last `make serve` ended: it {'resumes' if again else f'is {state} now'}"
            )


def _has_pool() -> bool:
    """Whether an earlier `make serve` created the pool; then its settings are not changed."""
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound

    from flows.on_prefect.server import explained

    with explained(), get_client(sync_client=True) as client, suppress(ObjectNotFound):
        client.read_work_pool(POOL)
        return True
    return False


def main() -> None:
    """Serve. Every failure becomes one message and an exit code."""
    bypass_proxies()
    try:
        with explained_settings():
            typer.run(serve)
    except (TerminalError, TransientError) as error:
        typer.echo(f"serve: {error}", err=True)
        sys.exit(2 if isinstance(error, TerminalError) else 1)
    except Exception as error:  # noqa: BLE001 — the last place to catch it: a person gets a sentence
        typer.echo(printable(f"serve: {type(error).__name__}: {error}"), err=True)
        sys.exit(1)


def _greeting(url: str) -> str:
    needed = {"PREFECT_API_URL": f"{url}/api"} | ({AUTH[1]: "user:password"} if AUTH[1] in os.environ else {})
    exports = "".join(f"  export {name}={value}\n" for name, value in needed.items())
    return (
        f"\nPrefect's UI: {url}\n"
        f"Run the merge there, or in another terminal:\n{exports}"
        f"  {shlex.join(PREFECT)} deployment run 'merge-customer-data/customers-sample' --watch\n"
        f"Ctrl-C stops the worker, then the server.\n"
    )


def _make_stoppable() -> None:
    """Handle SIGTERM like Ctrl-C, also in a shell's background job, which ignores SIGINT."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)


def _check_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise TerminalError(
                f"port {port} cannot be used: {error.strerror}; choose another, such as 4300"
            ) from error


def _prefect(command: str, *options: str) -> None:
    """Run a Prefect command, and show its output only if it fails."""
    whole = [*PREFECT, *command.split(), *options]
    done = subprocess.run(
        whole, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=STARTUP
    )
    if done.returncode:
        raise TransientError(
            f"`prefect {command}` failed; the last lines of its output:\n{last_lines(done.stdout + done.stderr)}"
        )


def _watch(services: dict[str, Service]) -> None:
    """Wait for Ctrl-C; it is an error if a service ends by itself."""
    while True:
        for name, service in services.items():
            if (code := service.poll()) is not None:
                raise TransientError(f"the {name} ended by itself with exit status {code}")
        threading.Event().wait(POLL_INTERVAL)


if __name__ == "__main__":
    main()
