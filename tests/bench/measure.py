"""One command measured from outside: wall and CPU seconds; and, when asked for, memory of all its processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import psutil

from tests.prefect_server import ROOT, reap

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

INTERVAL = 0.05  # seconds between two looks at the processes
# A server is idle when it wants so little of a core for so long. Prefect's takes a twentieth when nobody asks it
# anything, and writes events down at least every 5 s.
IDLE_SHARE, IDLE_SECONDS = 0.15, 6.0
BUSY_AT_MOST = 600.0  # seconds after the command has ended
MIB = 1 << 20
ALONE = str(Path(__file__).with_name("alone.py"))


@dataclass
class Measured:
    """What a command cost.

    Attributes:
        wall_s: Seconds from start to end.
        cpu_s: User and system seconds of all its processes, and of the servers until they are idle again.
        largest_mib: The most memory that any one process had resident, servers left out.
        together_mib: The largest sum over all processes at one time, shared pages counted once; 0 unless looked at.
        output: What it wrote to stdout.
    """

    wall_s: float = 0.0
    cpu_s: float = 0.0
    largest_mib: float = 0.0
    together_mib: float = 0.0
    output: str = ""

    def look(self, roots: Sequence[int]) -> None:
        """Take one sample of the memory of processes and all below them; some may be gone."""
        together = 0
        for process in _trees(roots):
            with suppress(psutil.Error):
                together += process.memory_full_info().pss
        self.together_mib = max(self.together_mib, together / MIB)


def measure(
    command: Sequence[str],
    environment: Mapping[str, str] | None = None,
    *,
    servers: Sequence[int] = (),
    sampled: bool = False,
) -> Measured:
    """Run a command in the project's root until it ends, and measure it.

    Args:
        command: Program and arguments.
        environment: On top of this process's.
        servers: Processes that work for the command, idle when it starts: their CPU until they are idle again and their
            memory are counted as if they were its own. It returns when they are idle.
        sampled: Whether to look at memory all the while, which makes the command slower.

    Raises:
        SystemExit: It ended with an exit code other than 0; the text has its output.
    """
    measured = Measured()
    with (
        tempfile.NamedTemporaryFile() as result,
        tempfile.TemporaryFile() as output,
        tempfile.TemporaryFile() as errors,
    ):
        before = _used(servers)
        whole = [sys.executable, "-S", "-E", ALONE, result.name, *command]
        env = {**os.environ, **(environment or {})}
        process = subprocess.Popen(whole, cwd=ROOT, stdout=output, stderr=errors, env=env, start_new_session=True)
        try:
            with _sampling(measured, [process.pid, *servers] if sampled else []):
                process.wait()
        finally:
            reap(process)
        measured.output, messages = _text(output), _text(errors)
        if process.returncode != 0:
            raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{measured.output}{messages}")
        measured.cpu_s = used_until_idle(servers) - before
        figures = json.loads(_text(result))
    measured.wall_s, measured.largest_mib = figures["wall_s"], figures["largest_mib"]
    measured.cpu_s += figures["cpu_s"]
    return measured


def used_until_idle(servers: Sequence[int]) -> float:
    """Wait until servers have nothing left to do; the CPU seconds they have used then.

    Raises:
        SystemExit: They are still busy after ten minutes.
    """
    if not servers:
        return 0.0
    wanted = _used(servers) + _waited(servers)
    for _ in range(round(BUSY_AT_MOST / IDLE_SECONDS)):
        time.sleep(IDLE_SECONDS)
        used = _used(servers)
        earlier, wanted = wanted, used + _waited(servers)
        if wanted - earlier <= IDLE_SHARE * IDLE_SECONDS:
            return used
    raise SystemExit(f"the servers {servers} are still busy {BUSY_AT_MOST:g} s after the command has ended")


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


def _used(roots: Sequence[int]) -> float:
    """CPU seconds of processes and all below them, those that have ended included."""
    total = 0.0
    for process in _trees(roots):
        with suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def _waited(roots: Sequence[int]) -> float:
    """Seconds in which processes could have run and others did, where the system tells it (Linux)."""
    total = 0
    for process in _trees(roots):
        for file in Path(f"/proc/{process.pid}/task").glob("*/schedstat"):
            with suppress(OSError):
                total += int(file.read_text().split()[1])
    return total / 1e9


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
