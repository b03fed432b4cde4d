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

from flows.on_prefect.environment import PREFECT_ENVIRONMENT
from flows.on_prefect.operations.services import PREFECT, ROOT, Service, start, stop
from shared.run.errors import TerminalError, TransientError
from shared.run.proxies import bypass_proxies

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFECT_FILE = "deployments/prefect.yaml"
POOL = "shardwise"
HOST = "127.0.0.1"
STARTUP, POLL_INTERVAL = 120.0, 0.25  # seconds: longest start, between two looks
SERVED = PREFECT_ENVIRONMENT | {
    "PREFECT_WORKER_QUERY_SECONDS": "1",
    "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "5",  # until a run that waits for a slot asks again
}


def serve(
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Of the server and its UI")] = 4200,
) -> None:
    """Start Prefect with everything a deployment of this project needs, and stop it all on Ctrl-C."""
    _make_stoppable()
    _check_free(port)
    url = f"http://{HOST}:{port}"
    os.environ.update(SERVED | os.environ | {"PREFECT_API_URL": f"{url}/api"})
    with suppress(KeyboardInterrupt), ExitStack() as services:
        server = services.enter_context(_running("server start", "--host", HOST, "--port", str(port)))
        _wait_for(url, server)
        _prepare()
        services.callback(_crash_live_runs)
        worker = services.enter_context(_running("worker start", "--pool", POOL))
        typer.echo(_greeting(url))
        _watch({"server": server, "worker": worker})


def _prepare() -> None:
    """Make the pool, its deployments and the automation, and free what an earlier `make serve` left running."""
    if not _has_pool():
        _prefect("work-pool create", POOL, "--type", "process")
    _prefect("--no-prompt deploy", "--all", "--prefect-file", PREFECT_FILE)
    from flows.on_prefect.operations import heartbeats  # reads Prefect's settings, which are right only now

    heartbeats.set_up()
    for name in _crash_runs("`make serve` was killed while it ran; retry it to resume"):
        typer.echo(f"{name} ran when the last `make serve` was killed: it is Crashed now, and a retry resumes it")


def _has_pool() -> bool:
    """Whether an earlier `make serve` made the pool; it is left alone then, with what people have set in it."""
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound

    with get_client(sync_client=True) as client:
        try:
            client.read_work_pool(POOL)
        except ObjectNotFound:
            return False
    return True


def _crash_runs(why: str) -> list[str]:
    """Mark the pool's runs that have not ended as Crashed: the only worker is not there. Return their names."""
    from flows.on_prefect.operations import crash

    runs = crash.of_pool(POOL)
    for run in runs:
        crash.mark(run, why)
    return [run.name for run in runs]


def _crash_live_runs() -> None:
    """Free the slots of what the worker has left; where the server itself has ended, the next start does it."""
    with suppress(httpx.HTTPError):
        _crash_runs("`make serve` has ended, and its worker with it; retry it to resume")


def main() -> None:
    """Serve; every failure becomes one message and an exit code."""
    bypass_proxies()
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
def _running(command: str, *options: str) -> Iterator[Service]:
    """A Prefect process with a group of its own, so that Ctrl-C reaches it through us and in order."""
    service = start([*command.split(), *options], os.environ)
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
        threading.Event().wait(POLL_INTERVAL)
    raise TransientError(f"the server did not answer at {url} within {STARTUP:g} s")


def _prefect(command: str, *options: str) -> None:
    """Run a Prefect command to its end; show what it said only when it failed."""
    whole = [PREFECT, *command.split(), *options]
    done = subprocess.run(whole, cwd=ROOT, capture_output=True, text=True, check=False, timeout=STARTUP)
    if done.returncode:
        raise TransientError(f"`prefect {command}` failed:\n{done.stdout}{done.stderr}")


def _watch(services: dict[str, Service]) -> None:
    """Wait for Ctrl-C; a service that ends by itself is an error."""
    while True:
        for name, service in services.items():
            _check_alive(name, service)
        threading.Event().wait(POLL_INTERVAL)


def _check_alive(name: str, service: Service) -> None:
    if (code := service.poll()) is not None:
        raise TransientError(f"the {name} ended by itself with exit status {code}")


if __name__ == "__main__":
    main()
