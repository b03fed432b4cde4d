"""System calls of the fork server for single workers; standard library only."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path

from shared.isolation.lifetime import children


def kill_group(pid: int) -> None:
    """Kill a worker and all processes that it started; the second call covers a child without its own group yet."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


def own_children() -> set[int]:
    """Return this process's children; the kernel may leave one out while another one ends."""
    with contextlib.suppress(OSError):
        return set(map(int, Path("/proc/thread-self/children").read_bytes().split()))
    return children()


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
