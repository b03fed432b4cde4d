"""Ends processes together with their parent, however the parent ends; standard library only.

``python -m shared.isolation.lifetime PARENT PROGRAM ARGUMENT…`` executes the program; the kernel asks it to end when
PARENT dies.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS = 100  # rounds of killing, because a process can start others until it is killed
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # from Linux's prctl.h
UNKNOWN = "?"
ENDED, STOPPED = frozenset("ZX"), frozenset(f"Tt{UNKNOWN}")  # states; a process of unknown state may be stopped


def die_with(parent: int, by: signal.Signals = signal.SIGKILL) -> None:
    """Have the kernel send this process a signal when its parent dies, if the system supports it (Linux).

    Args:
        parent: The process id of the parent.
        by: The signal.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, by)
        if os.getppid() != parent:  # the parent died before the call above
            os._exit(1)


def adopt_orphans() -> None:
    """Have the kernel make this process the parent of orphaned descendants, if the system supports it (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)


def children(of: int | None = None) -> set[int]:
    """Return the process ids of a process's children, by default this one's, if the system lists them (Linux)."""
    of = of or os.getpid()
    return {each.pid for each in _processes() if each.parent == of}


def has_children() -> bool:
    """Whether this process has children, including ended ones that were not waited for."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def end_session(leader: int) -> None:
    """Kill the leader of a session, all its descendants, and the other processes of the session.

    If this process is the leader, it is not killed. If the system does not list descendants (not Linux), the leader and
    its process group are killed.
    """
    if sys.platform != "linux":
        for kill in (os.killpg, os.kill):
            with suppress(ProcessLookupError, PermissionError):
                kill(leader, signal.SIGKILL)
        return
    for _ in range(ROUNDS):
        if not (found := _of_session(leader) - {os.getpid()}):
            return
        for pid in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


class _Process(NamedTuple):
    pid: int
    state: bytes
    parent: int
    session: int


def _processes() -> Iterator[_Process]:
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has already ended
            state, parent, _, session, *_ = file.read_bytes().rpartition(b") ")[2].split()
            yield _Process(int(file.parent.name), state, int(parent), int(session))


def _of_session(leader: int) -> set[int]:
    """Return the living processes: the leader, its descendants, and the processes of its session."""
    alive = [each for each in _processes() if each.state not in {b"Z", b"X"}]
    found = {each.pid for each in alive if leader in {each.pid, each.session}}
    while more := {each.pid for each in alive if each.parent in found | {leader}} - found:
        found |= more
    return found


def state_of(pid: int) -> str:
    """Return a process's state as Linux's ``ps`` prints it, such as ``T``; elsewhere ``UNKNOWN`` while it exists."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return "X"
    return UNKNOWN


def main(parent: str, *command: str) -> None:
    """Execute the command; does not return."""
    die_with(int(parent), signal.SIGTERM)
    os.execv(command[0], command)  # noqa: S606 — no shell is wanted


if __name__ == "__main__":
    main(*sys.argv[1:])
