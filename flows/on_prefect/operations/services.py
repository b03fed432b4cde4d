"""Prefect's commands that run until they are stopped: each in a process group of its own, stopped with all of it.

One whose starter is killed is asked to end by the kernel.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[3]
PREFECT = str(Path(sys.executable).with_name("prefect"))
SHUTDOWN = 15.0  # seconds it may take to end by itself

Service = subprocess.Popen[bytes]


def start(command: list[str], env: Mapping[str, str], log: IO[bytes] | None = None) -> Service:
    """Start a Prefect command in the project's root.

    Args:
        command: Its words after ``prefect``.
        env: Its environment.
        log: Where it writes; None shares this process's output.
    """
    mortal = [sys.executable, "-m", "shared.isolation.lifetime", str(os.getpid()), PREFECT, *command]
    return subprocess.Popen(mortal, cwd=ROOT, env=env, stdout=log, stderr=log, start_new_session=True)


def stop(service: Service) -> None:
    """Ask a service to end, wait, then end whatever is left of its group."""
    try:
        service.terminate()
        with suppress(subprocess.TimeoutExpired):
            service.wait(SHUTDOWN)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(service.pid, signal.SIGKILL)
        service.wait()
