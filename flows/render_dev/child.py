"""Runs the local server as a child process while a `with` block runs."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROOT = str(Path(__file__).resolve().parents[2])
BOOT = f"import sys; sys.path.insert(0, {ROOT!r}); from flows.render_dev.main import main; sys.exit(main())"
READY_SECONDS = 60.0  # the app is imported first
STOP_SECONDS = 10.0


class ServerFailedError(Exception):
    """The server ended, or was not ready in time; the message has its output."""


class ServerProcess:
    """A server in its own process group. It stops when this process dies, for any reason."""

    def __init__(self, arguments: Sequence[str], env: Mapping[str, str] | None, cwd: Path | None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", BOOT, "--until-stdin-closes", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=None if env is None else dict(env),
            cwd=cwd,
            encoding="utf-8",
            errors="replace",  # its encoding may differ from this process's
            start_new_session=True,
        )
        self.lines: deque[str] = deque(maxlen=200)
        self._port = 0
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_ready(self, seconds: float) -> str:
        """Wait until tasks can be started.

        Returns:
            The server's address, for `RENDER_LOCAL_DEV_URL`.

        Raises:
            ServerFailedError: It ended first, or took too long.
        """
        in_time = self._ready.wait(seconds)
        if in_time and self._port and self.process.poll() is None:
            return f"http://127.0.0.1:{self._port}"
        self.stop()
        what = "ended before it was ready" if in_time else f"was not ready after {seconds:g} s"
        raise ServerFailedError(f"the local Render server {what}; its output:\n" + "".join(self.lines))

    def stop(self) -> None:
        """Stop the server and its workers, and wait for the end."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        cast("IO[str]", self.process.stdin).close()
        self._reader.join(STOP_SECONDS)
        cast("IO[str]", self.process.stdout).close()

    def _read(self) -> None:
        for line in cast("IO[str]", self.process.stdout):
            self.lines.append(line)
            if listening := re.match(r"Workflow server listening on port (\d+)", line):
                self._port = int(listening[1])
            elif re.match(r"\d+ tasks? found", line):
                self._ready.set()
        self._port = self._port if self._ready.is_set() else 0
        self._ready.set()


@contextlib.contextmanager
def local_server(
    command: Sequence[str] = (),
    *,
    like_cloud: bool = True,
    port: int = 0,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Iterator[str]:
    """Run a server while the block runs.

    Args:
        command: The command that starts a worker, as words; empty for this project's app.
        like_cloud: Apply the platform's documented limits.
        port: TCP port on 127.0.0.1; 0 picks a free one.
        env: The environment of the server and its workers; None for this process's.
        cwd: The working directory of both; None for this process's.

    Yields:
        The server's address, for `RENDER_LOCAL_DEV_URL`.

    Raises:
        ServerFailedError: It could not start; the message has its output.
    """
    arguments = ["--port", str(port), *(["--like-cloud"] if like_cloud else []), "--", *command]
    server = ServerProcess(arguments, os.environ if env is None else env, cwd)
    try:
        yield server.wait_ready(READY_SECONDS)
    finally:
        server.stop()
