"""Processes that end with their parent, however it ends; standard library only.

``python -m shared.isolation.lifetime PARENT PROGRAM ARGUMENT…`` becomes that program, and is
asked to end when PARENT has died.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # from Linux's prctl.h


def die_with(parent: int, by: signal.Signals = signal.SIGKILL) -> None:
    """Have the kernel send this process a signal when its parent dies, where it can (Linux).

    Args:
        parent: Process id of who started this one.
        by: The signal.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, by)
        if os.getppid() != parent:  # it died before the kernel was told
            os._exit(1)


def adopt_orphans() -> None:
    """Have the kernel make this process the parent of what its own children leave behind, where it can (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)


def children(of: int | None = None) -> set[int]:
    """The process ids of a process's children, this one's by default, where the kernel tells (Linux)."""
    found, of = set(), of or os.getpid()
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended
            parent = file.read_text().rpartition(") ")[2].split()[1]
            if int(parent) == of:
                found.add(int(file.parent.name))
    return found


def main(parent: str, *command: str) -> None:
    """Become the command; does not return."""
    die_with(int(parent), signal.SIGTERM)
    os.execv(command[0], command)  # noqa: S606 — no shell is wanted


if __name__ == "__main__":
    main(*sys.argv[1:])
