"""Runs Prefect's long-running commands, each in its own process group.

If the process that started a command is killed, the kernel asks the command to end. Commands ask no questions and write
to a file.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

import httpx

from shared.run.errors import TerminalError, TransientError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).resolve().parents[3]
PREFECT = (sys.executable, "-m", "prefect")  # the script with that name fails if the path has a quote
HOST = "127.0.0.1"
SHUTDOWN = 15.0  # seconds to end by itself
POLL_INTERVAL, LONG = 0.1, 30.0  # seconds: between two polls; for an answer of a busy server
LAST_LINES = 15

Service = subprocess.Popen[bytes]


def start(command: list[str], env: Mapping[str, str], log: IO[bytes] | None = None) -> Service:
    """Start a Prefect command in the project's root.

    Args:
        command: The words after ``prefect``.
        env: The environment.
        log: The file for its output; None shares this process's output.
    """
    mortal = [sys.executable, "-m", "shared.isolation.lifetime", str(os.getpid()), *PREFECT, "--no-prompt", *command]
    return subprocess.Popen(
        mortal, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
    )


def start_server(port: int, env: Mapping[str, str], log: IO[bytes]) -> Service:
    """Start a server on a port of this machine."""
    return start(["server", "start", "--host", HOST, "--port", str(port)], env, log)


@contextmanager
def running(service: Service) -> Iterator[Service]:
    """Stop a service at the end of the block. Ctrl-C reaches services through this process, in order."""
    try:
        yield service
    finally:
        stop(service)


@contextmanager
def running_server(port: int, env: Mapping[str, str], log: Path, patience: float) -> Iterator[Service]:
    """Provide a server that answers, on a port of this machine, until the block ends.

    Args:
        port: A free port.
        env: The environment.
        log: The file for its output, which is replaced.
        patience: Seconds that it may take to answer.

    Raises:
        TransientError: It ended, or did not answer in time; the message has the last lines of its output.
    """
    with log.open("wb") as output, running(start_server(port, env, output)) as server:
        wait_until_healthy(f"http://{HOST}:{port}/api", server, log, patience)
        yield server


def stop(service: Service) -> None:
    """Ask a service to end, wait, then kill the rest of its process group."""
    try:
        service.terminate()
        with suppress(subprocess.TimeoutExpired):
            service.wait(SHUTDOWN)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(service.pid, signal.SIGKILL)
        service.wait()


def free_port() -> int:
    """Return a port of this machine on which nothing listens now."""
    with socket.create_server((HOST, 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def check_home(home: Path) -> None:
    """Refuse a folder for Prefect's files that is not writable.

    Raises:
        TerminalError: The message names folder, reason and variable.
    """
    mine = home / f"written-by-{os.getpid()}"
    try:
        home.mkdir(parents=True, exist_ok=True)
        mine.touch()
        mine.unlink()
    except OSError as error:
        raise TerminalError(
            f"Prefect keeps its files in {home}, which cannot be written ({error.strerror}); "
            "set PREFECT_HOME to a folder that you can write"
        ) from error


def wait_until_healthy(url: str, service: Service, log: Path, patience: float) -> None:
    """Return when a server's API answers.

    Raises:
        TransientError: It ended, or did not answer in time; the message has the last lines of its output.
    """
    deadline = time.monotonic() + patience
    while service.poll() is None:
        if time.monotonic() > deadline:
            raise _failed(f"did not answer at {url} within {patience:g} s", log)
        with suppress(httpx.HTTPError):
            if httpx.get(f"{url}/health", timeout=LONG, trust_env=False).is_success:
                return
        threading.Event().wait(POLL_INTERVAL)
    raise _failed(f"ended with exit status {service.returncode}", log)


def last_lines(output: str) -> str:
    """Return the last lines of a command's output, which contain the error."""
    return "\n".join(output.splitlines()[-LAST_LINES:])


def _failed(what: str, log: Path) -> TransientError:
    told = last_lines(log.read_text(errors="replace"))
    return TransientError(f"Prefect's server {what}; the last lines of its output:\n{told}")
