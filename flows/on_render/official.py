"""Runs the official ``render workflows dev`` with our app while a block runs."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING

import httpx

from flows.render_dev.server_options import OWN_APP
from shared.run.errors import TerminalError, TransientError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

READY_SECONDS = 60.0
VERSION_SECONDS = 10.0  # a release checks the network for a newer one, which may not answer
POLL_INTERVAL = 0.05  # seconds
SOCKETS = Path("/tmp"), "render-sdk-sockets-*"  # noqa: S108 — where it makes its folder, whatever TMPDIR says


def find_official() -> str:
    """Return the path of the installed ``render``; a TerminalError if there is none."""
    if found := shutil.which("render"):
        return found
    raise TerminalError("no `render` is on the PATH; install Render's CLI, or set its path with --render-cli")


@cache
def version_of_official(render_cli: str) -> str:
    """Return the program's version, without its notice of a newer one; ``unknown`` if it reports none.

    The result is cached.
    """
    try:
        done = subprocess.run(
            [render_cli, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=VERSION_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return done.stdout.strip().partition("\n")[0].strip() or "unknown"


@contextmanager
def official_server(render_cli: str, environment: Mapping[str, str] | None = None) -> Iterator[str]:
    """Run the server while the block runs; yield its address.

    Args:
        render_cli: The program.
        environment: The environment of tasks; default: this process's.

    Raises:
        TerminalError: The program cannot be started.
        TransientError: It ended, or was not ready in time; the message has its output.
    """
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [render_cli, "workflows", "dev", "--port", str(port), "--", *OWN_APP]
    started_at = time.time()
    try:
        with TemporaryFile("w+") as output, _started(command, output.fileno(), environment) as process:
            _wait_ready(process, url := f"http://127.0.0.1:{port}", output)
            yield url
    finally:
        _remove_sockets(started_at)


@contextmanager
def _started(
    command: list[str], output: int, environment: Mapping[str, str] | None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process; end it and all processes that it started."""
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        raise TerminalError(f"{command[0]} cannot be started: {error.strerror}") from error
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_ready(process: subprocess.Popen[bytes], url: str, output: IO[str]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(httpx.TransportError):
            if httpx.get(f"{url}/v1/tasks", trust_env=False, timeout=READY_SECONDS).is_success:
                return
        time.sleep(POLL_INTERVAL)
    output.seek(0)
    raise TransientError(f"the official Render server {_how(process.poll())}; its output:\n{output.read()}")


def _how(status: int | None) -> str:
    """Say why a server is not ready."""
    if status is None:
        return f"was not ready after {READY_SECONDS:g} s"
    how = f"was killed by signal {-status}" if status < 0 else f"ended with exit status {status}"
    return f"{how} before it was ready"


def _remove_sockets(since: float) -> None:
    """Remove the socket folders that servers have created since then and left behind."""
    folder, pattern = SOCKETS
    for left in folder.glob(pattern):
        with suppress(OSError):  # another user's, or already removed
            sockets = list(left.iterdir())
            if left.stat().st_mtime >= since and sockets and not any(map(_listens, sockets)):
                shutil.rmtree(left)


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0
