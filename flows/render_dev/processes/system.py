"""What the fork server asks of the system for a single worker; standard library only."""

from __future__ import annotations

import contextlib
import os
import signal
import sys


def kill_group(pid: int) -> None:
    """Kill a worker and all it started; the second call covers a child that has not made its own group yet."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


def execute(program: str, command: list[str]) -> None:
    """Become a plain worker; does not return."""
    for ignored_by_python in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored_by_python, signal.SIG_DFL)
    try:
        os.execv(program, command)  # noqa: S606 — the protocol knows no shell
    except OSError as error:
        sys.stderr.write(f"{program}: {error.strerror}\n")
        sys.stderr.flush()
        os._exit(127)
