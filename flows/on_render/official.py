"""Runs an installed official ``render workflows dev`` on our app for the length of a ``with`` block."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from flows.render_dev.options import OWN_APP
from shared.run.errors import TerminalError, TransientError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

READY_SECONDS = 60.0
POLL_INTERVAL = 0.05  # seconds


def find_official() -> str:
    """The path of the installed ``render``; a TerminalError when there is none."""
    if found := shutil.which("render"):
        return found
    raise TerminalError("no `render` is on the PATH; install Render's CLI, or name it by --render-cli")


@contextmanager
def official_server(render_cli: str, environment: Mapping[str, str] | None = None) -> Iterator[str]:
    """Run it while the block runs; yields its address.

    Args:
        render_cli: The program.
        environment: The tasks'; default: this process's.

    Raises:
        TerminalError: The program cannot be started.
        TransientError: It ended, or was not ready in time; the text holds its output.
    """
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [render_cli, "workflows", "dev", "--port", str(port), "--", *OWN_APP]
    # It leaves its folder of sockets behind, so it gets a folder to leave it in; sockets must have short paths.
    with tempfile.TemporaryDirectory(prefix="shardwise-", dir="/tmp") as folder:
        output = Path(folder, "output")
        with output.open("w") as stream, _started(command, stream.fileno(), folder, environment) as process:
            _wait_ready(process, url := f"http://127.0.0.1:{port}", output)
            yield url


@contextmanager
def _started(
    command: list[str], output: int, folder: str, environment: Mapping[str, str] | None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process and all it starts, which it would leave behind."""
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**(environment or os.environ), "TMPDIR": folder},
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


def _wait_ready(process: subprocess.Popen[bytes], url: str, output: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(httpx.TransportError):
            if httpx.get(f"{url}/v1/tasks", trust_env=False, timeout=READY_SECONDS).is_success:
                return
        time.sleep(POLL_INTERVAL)
    raise TransientError(f"the official Render server did not become ready; its output:\n{output.read_text()}")
