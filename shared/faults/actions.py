"""The faults themselves: each function really breaks what its name says."""

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
FAULT_INJECTION_MARKER = ".fault-injection"  # a file of this name marks a copy of the data that may be broken
MARGIN = 128 << 20  # bytes: what the rest of the process may need meanwhile
BLOCK = 16 << 20  # bytes


def exception() -> NoReturn:
    """Fail as with a store or a network that is unavailable for a moment."""
    raise TransientError("planned fault: exception")


def terminal() -> NoReturn:
    """Fail as by bad input."""
    raise TerminalError("planned fault: terminal")


def slow() -> None:
    """Take a second longer."""
    threading.Event().wait(SLOW_SECONDS)


def hang() -> None:
    """Never return, as a call that waits for a peer that is gone."""
    threading.Event().wait()


def out_of_memory() -> NoReturn:
    """Allocate until the kernel refuses, below a limit of the address space that holds for that long only."""
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
    """Leave at once, without a word, and claim success."""
    os._exit(0)


def kill() -> None:
    """Die as by the kernel's out-of-memory killer, or an operator's kill -9."""
    os.kill(os.getpid(), signal.SIGKILL)


def disk_full(path: Path) -> None:
    """Put a device that has no space left in the place of a file that is about to be written."""
    device = Path("/dev/full")
    if not device.exists():
        raise TerminalError(f"the fault disk_full needs {device}, which this system does not have")
    path.unlink(missing_ok=True)
    path.symlink_to(device)


def store_away() -> NoReturn:
    """Fail as a store does that cannot be reached for a moment."""
    raise ConnectionError("planned fault: store_away")


def source_vanishes(data_url: str) -> None:
    """Remove the first file of the data, if the folder is marked as a copy that may be broken."""
    folder = Path(data_url)
    if not (folder / FAULT_INJECTION_MARKER).exists():
        raise TerminalError(
            f"the fault source_vanishes removes an input file, and {data_url} is not a copy made for that; "
            f"it has no file {FAULT_INJECTION_MARKER}"
        )
    min(each for each in folder.iterdir() if each.name != FAULT_INJECTION_MARKER).unlink()


def duplicate_attempt(job: Job, step: str) -> None:
    """Do the same step in another process, from its claim to its commit, as an engine does that believes us dead."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "shared.faults.duplicate"],
        input=json.dumps({"job": job.to_json(), "step": step}),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise TransientError(f"planned fault: duplicate_attempt; it failed itself: {done.stderr[-500:]}")
