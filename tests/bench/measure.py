"""One command measured from outside: wall and CPU seconds, and memory of all its processes."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

import psutil

from tests.prefect_server import ROOT, reap

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

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
        output: What it wrote to stdout.
    """

    wall_s: float = 0.0
    cpu_s: float = 0.0
    largest_mib: float = 0.0
    together_mib: float = 0.0
    output: str = ""
    _before: dict[int, float] = field(default_factory=dict, repr=False)
    _cpu: dict[int, float] = field(default_factory=dict, repr=False)

    def look(self, roots: Sequence[int]) -> None:
        """Take one sample of processes and all below them; some may be gone."""
        together = 0
        for process in _trees(roots):
            with suppress(psutil.Error), process.oneshot():
                times, memory = process.cpu_times(), process.memory_full_info()
                self._cpu[process.pid] = times.user + times.system - self._before.get(process.pid, 0.0)
                self.largest_mib = max(self.largest_mib, memory.rss / MIB)
                together += memory.pss
        self.together_mib = max(self.together_mib, together / MIB)
        self.cpu_s = sum(self._cpu.values())

    def begin(self, servers: Sequence[int]) -> None:
        """Leave out what servers had used before."""
        self.look(servers)
        self._before, self._cpu = self._cpu, {}
        self.largest_mib = self.together_mib = 0.0

    def figures(self) -> dict[str, float]:
        """The numbers by name."""
        return {name: getattr(self, name) for name in ("wall_s", "cpu_s", "largest_mib", "together_mib")}


def measure(
    command: Sequence[str],
    environment: Mapping[str, str] | None = None,
    *,
    servers: Sequence[int] = (),
    sampled: bool = True,
) -> Measured:
    """Run a command to its end, from the project's root, and measure it.

    Args:
        command: Program and arguments.
        environment: On top of this process's.
        servers: Processes that work for the command, to be counted as if they were its own.
        sampled: Whether to look at CPU and memory all the while, which makes a short command slower.

    Raises:
        SystemExit: It ended with an exit code other than 0; the text has its output.
    """
    measured = Measured()
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        measured.begin(servers)
        started = time.monotonic()
        env = {**os.environ, **(environment or {})}
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=errors, env=env, start_new_session=True)
        try:
            with _sampling(measured, [process.pid, *servers] if sampled else []):
                process.wait()
                measured.wall_s = time.monotonic() - started
        finally:
            reap(process)
        measured.output, told = _text(output), _text(errors)
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{measured.output}{told}")
    return measured


@contextmanager
def _sampling(measured: Measured, roots: Sequence[int]) -> Iterator[None]:
    ended = threading.Event()

    def sample() -> None:
        while not ended.is_set():
            measured.look(roots)
            ended.wait(INTERVAL)

    sampler = threading.Thread(target=sample, daemon=True)
    if roots:
        sampler.start()
    try:
        yield
    finally:
        ended.set()
        if roots:
            sampler.join()


def _trees(roots: Sequence[int]) -> list[psutil.Process]:
    found = []
    for pid in roots:
        with suppress(psutil.Error):
            root = psutil.Process(pid)
            found += [root, *root.children(recursive=True)]
    return found


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")
