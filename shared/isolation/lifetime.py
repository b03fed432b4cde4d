"""Processes that end with their parent, however it ends; standard library only.

``python -m shared.isolation.lifetime PARENT PROGRAM ARGUMENT…`` becomes that program, and is
asked to end when PARENT has died.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # from Linux's prctl.h


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


def main(parent: str, *command: str) -> None:
    """Become the command; does not return."""
    die_with(int(parent), signal.SIGTERM)
    os.execv(command[0], command)  # noqa: S606 — no shell is wanted


if __name__ == "__main__":
    main(*sys.argv[1:])
