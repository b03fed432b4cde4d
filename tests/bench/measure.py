"""One command measured from outside: wall and CPU seconds, and memory of all its processes."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

INTERVAL = 0.05  # seconds between two looks at the processes
MIB = 1 << 20


@dataclass
class Measured:
    """What a command cost.

    Attributes:
        wall_s: Seconds from start to end.
        cpu_s: User and system seconds of all its processes, as last seen before each ended.
        largest_mib: The largest resident memory of any one process.
        together_mib: The largest sum over all processes at one time, shared pages counted once.
    """

    wall_s: float = 0.0
    cpu_s: float = 0.0
    largest_mib: float = 0.0
    together_mib: float = 0.0
    _cpu: dict[int, float] = field(default_factory=dict, repr=False)

    def look(self, processes: list[psutil.Process]) -> None:
        """Take one sample of processes, some of which may be gone."""
        together = 0
        for process in processes:
            try:
                with process.oneshot():
                    times, memory = process.cpu_times(), process.memory_full_info()
            except psutil.Error:
                continue
            self._cpu[process.pid] = times.user + times.system
            self.largest_mib = max(self.largest_mib, memory.rss / MIB)
            together += memory.pss
        self.together_mib = max(self.together_mib, together / MIB)
        self.cpu_s = sum(self._cpu.values())


def measure(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Measured:
    """Run a command to its end and measure it; an exit code other than 0 stops the bench with its output."""
    measured = Measured()
    with tempfile.TemporaryFile() as output:
        started = time.monotonic()
        with subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **(environment or {})}
        ) as process:
            root = psutil.Process(process.pid)
            while process.poll() is None:
                measured.look(_tree(root))
                _wait(process)
            measured.wall_s = time.monotonic() - started
        if process.returncode != 0:
            output.seek(0)
            raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{output.read().decode()}")
    return measured


def _tree(root: psutil.Process) -> list[psutil.Process]:
    try:
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []


def _wait(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(INTERVAL)
    except subprocess.TimeoutExpired:
        return
