"""Finding processes by their environment, to see that none is left."""

from __future__ import annotations

import psutil


def processes_with(variable: str, value: object) -> list[int]:
    """The process ids whose environment has this variable with this value."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(variable) == str(value):
                found.append(process.pid)
        except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return found
