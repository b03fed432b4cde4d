"""Prefect in one command: a server with its UI, the work pool, the deployments and a worker, until Ctrl-C."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Annotated

import httpx
import typer

from flows.engines import PREFECT_ENVIRONMENT
from flows.services import PREFECT, ROOT, Service, start, stop
from shared.run.errors import TerminalError, TransientError

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFECT_FILE = "deployments/prefect.yaml"
POOL = "shardwise"
HOST = "127.0.0.1"
STARTUP, GLANCE = 120.0, 0.25  # seconds: longest start, between two looks


def serve(
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Of the server and its UI")] = 4200,
) -> None:
    """Start Prefect with everything a deployment of this project needs, and stop it all on Ctrl-C."""
    _make_stoppable()
    _check_free(port)
    url = f"http://{HOST}:{port}"
    env = PREFECT_ENVIRONMENT | {"PREFECT_WORKER_QUERY_SECONDS": "1"} | os.environ | {"PREFECT_API_URL": f"{url}/api"}
    with suppress(KeyboardInterrupt), ExitStack() as services:
        server = services.enter_context(_running("server start", "--host", HOST, "--port", str(port), env=env))
        _wait_for(url, server)
        _prefect("work-pool create", POOL, "--type", "process", "--overwrite", env=env)
        _prefect("--no-prompt deploy", "--all", "--prefect-file", PREFECT_FILE, env=env)
        worker = services.enter_context(_running("worker start", "--pool", POOL, env=env))
        typer.echo(_greeting(url))
        _watch({"server": server, "worker": worker})


def main() -> None:
    """Serve; every failure becomes one message and an exit code."""
    try:
        typer.run(serve)
    except (TerminalError, TransientError) as error:
        typer.echo(f"serve: {error}", err=True)
        sys.exit(2 if isinstance(error, TerminalError) else 1)


def _greeting(url: str) -> str:
    return (
        f"\nPrefect's UI: {url}\n"
        f"Run the merge there, or in another terminal:\n"
        f"  export PREFECT_API_URL={url}/api\n"
        f"  {PREFECT} deployment run 'merge-customer-data/sample' --watch\n"
        f"Ctrl-C stops the worker, then the server.\n"
    )


def _make_stoppable() -> None:
    """Make SIGTERM the same as Ctrl-C, also where a shell started this in the background with SIGINT ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def _check_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise TerminalError(
                f"port {port} cannot be used: {error.strerror}; choose another, such as 4300"
            ) from error


@contextmanager
def _running(command: str, *options: str, env: dict[str, str]) -> Iterator[Service]:
    """A Prefect process with a group of its own, so that Ctrl-C reaches it through us and in order."""
    service = start([*command.split(), *options], env)
    try:
        yield service
    finally:
        stop(service)


def _wait_for(url: str, server: Service) -> None:
    """Return when the server answers."""
    deadline = time.monotonic() + STARTUP
    while time.monotonic() < deadline:
        _check_alive("server", server)
        with suppress(httpx.HTTPError):
            if httpx.get(f"{url}/api/health", timeout=STARTUP).status_code == httpx.codes.OK:
                return
        threading.Event().wait(GLANCE)
    raise TransientError(f"the server did not answer at {url} within {STARTUP:g} s")


def _prefect(command: str, *options: str, env: dict[str, str]) -> None:
    """Run a Prefect command to its end; show what it said only when it failed."""
    whole = [PREFECT, *command.split(), *options]
    done = subprocess.run(whole, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=STARTUP)
    if done.returncode:
        raise TransientError(f"`prefect {command}` failed:\n{done.stdout}{done.stderr}")


def _watch(services: dict[str, Service]) -> None:
    """Wait for Ctrl-C; a service that ends by itself is an error."""
    while True:
        for name, service in services.items():
            _check_alive(name, service)
        threading.Event().wait(GLANCE)


def _check_alive(name: str, service: Service) -> None:
    if (code := service.poll()) is not None:
        raise TransientError(f"the {name} ended by itself with exit status {code}")


if __name__ == "__main__":
    main()
