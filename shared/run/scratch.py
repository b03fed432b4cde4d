"""Folders for temporary files. A process that is killed leaves its own; the next one on this machine removes it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import socket
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import gettempdir, mkdtemp
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_PARENT = 50  # characters of a folder with sockets: their paths have at most 104 bytes on macOS, 108 on Linux
_PREFIX = "shardwise-scratch-"


@contextmanager
def scratch(parent: Path | None = None) -> Iterator[Path]:
    """An empty folder, its owner's only, for the time of the block. Those of dead processes are removed first.

    Each folder is locked as long as its process lives: the kernel lets go of the lock however the process ends. Other
    machines may not see the lock, so each removes only its own.

    Args:
        parent: Where it is made; default: this machine's folder for temporary files.
    """
    parent = parent or Path(gettempdir())
    prefix = own_prefix()
    for left in parent.iterdir():
        if left.name.startswith(prefix):
            with suppress(OSError):  # in use, of another user, gone, or on a file system without locks
                _remove_unused(left)
    folder, lock = _locked_folder(parent, prefix)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def short_parent() -> Path:
    """A folder for temporary files whose path leaves room for a socket's name."""
    parent = gettempdir()
    if len(os.fsencode(parent)) > LONGEST_PARENT:
        parent = "/tmp"  # noqa: S108 — what is made there is safe, and no other folder is sure to be short
    return Path(parent)


def own_prefix() -> str:
    """How the names of this machine's folders begin: not with its whole name, as paths of sockets have a limit."""
    machine = hashlib.md5(socket.gethostname().encode(), usedforsecurity=False).hexdigest()
    return f"{_PREFIX}{machine[:8]}-"


def _locked_folder(parent: Path, prefix: str) -> tuple[Path, int]:
    """A new folder and the descriptor that keeps it locked."""
    while True:
        folder = Path(mkdtemp(prefix=prefix, dir=parent))
        with suppress(FileNotFoundError):  # before it was locked, another process took it for a dead one's
            lock = os.open(folder, os.O_RDONLY)
            with suppress(OSError):  # a file system without locks: there it cannot be cleared as a dead one's
                fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.exists():
                return folder, lock
            os.close(lock)


def _remove_unused(folder: Path) -> None:
    """Remove a folder that no process has locked; an OSError for one in use, and for what is not a folder of ours."""
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)
