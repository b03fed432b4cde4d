"""Finds processes on this machine by their environment, if the system shows it (Linux)."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

VISIBLE = sys.platform == "linux"  # whether a process that is not found does not exist


def with_environment(name: str, value: str) -> list[int]:
    """Return the ids of processes whose environment has a variable with this value."""
    entry = f"{name}={value}".encode()
    return [int(folder.name) for folder in Path("/proc").glob("[0-9]*") if entry in _environment(folder)]


def _environment(folder: Path) -> list[bytes]:
    """Return the environment of a process; empty if it is gone, a zombie, or another user's."""
    with suppress(OSError):
        return (folder / "environ").read_bytes().split(b"\0")
    return []
