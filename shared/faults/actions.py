"""The faults. Each function really does what its name says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from shared.run.errors import TerminalError, TransientError

if TYPE_CHECKING:
    from shared.run.job import Job

SLOW_SECONDS = 1.0  # far longer than a small shard, shorter than any timeout
FAULT_INJECTION_MARKER = ".fault-injection"  # a file with this name marks a copy of the data that may be changed
MARGIN = 128 << 20  # bytes, for the rest of the process
BLOCK = 16 << 20  # bytes


def exception() -> NoReturn:
    """Raise an error as if a store or a network were unavailable for a moment."""
    raise TransientError("planned fault: exception")


def terminal() -> NoReturn:
    """Raise an error as for bad input."""
    raise TerminalError("planned fault: terminal")


def slow() -> None:
    """Wait for one second."""
    threading.Event().wait(SLOW_SECONDS)


def hang() -> None:
    """Never return, like a call that waits for a dead peer."""
    threading.Event().wait()


def out_of_memory() -> NoReturn:
    """Allocate memory until the kernel refuses, under a temporary limit of the address space."""
    if sys.platform != "linux":
        raise TerminalError("the fault out_of_memory limits the address space, which only Linux enforces")
    import resource

    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    allocated: list[bytearray] = []
    resource.setrlimit(resource.RLIMIT_AS, (used + MARGIN, before[1]))
    try:
        while True:
            allocated.append(bytearray(BLOCK))
    except MemoryError as error:
        allocated_mb = sum(map(len, allocated)) >> 20
        allocated.clear()
        raise MemoryError(f"planned fault: out_of_memory after {allocated_mb} MB") from error
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def exit_without_result() -> None:
    """Exit at once with status 0 and without a result."""
    os._exit(0)


def kill() -> None:
    """Kill the process as the kernel's out-of-memory killer or ``kill -9`` does."""
    os.kill(os.getpid(), signal.SIGKILL)


def disk_full(path: Path) -> None:
    """Replace a file that is about to be written by a device that is always full."""
    device = Path("/dev/full")
    if not device.exists():
        raise TerminalError(f"the fault disk_full needs {device}, which this system does not have")
    path.unlink(missing_ok=True)
    path.symlink_to(device)


def store_away() -> NoReturn:
    """Raise an error as a store does that is unavailable for a moment."""
    raise ConnectionError("planned fault: store_away")


def source_vanishes(data_url: str) -> None:
    """Remove the first file of the data, if the folder is marked as a copy that may be changed."""
    folder = Path(data_url)
    if not (folder / FAULT_INJECTION_MARKER).exists():
        raise TerminalError(
            f"the fault source_vanishes removes an input file, and {data_url} is not a copy made for that; "
            f"it has no file {FAULT_INJECTION_MARKER}"
        )
    min(each for each in folder.iterdir() if each.name != FAULT_INJECTION_MARKER).unlink()


def duplicate_attempt(job: Job, step: str) -> None:
    """Run the same step in another process, from claim to commit, as an engine does that believes this process dead."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "shared.faults.duplicate"],
        input=json.dumps({"job": job.to_json(), "step": step}),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise TransientError(f"planned fault: duplicate_attempt; the duplicate failed: {done.stderr[-500:]}")
