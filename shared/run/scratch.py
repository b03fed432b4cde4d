"""Temporary folders. A killed process leaves its folder, and the next process on this machine removes it."""

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

LONGEST_PARENT = 50  # characters of a folder for sockets: their paths have at most 104 bytes on macOS, 108 on Linux
_PREFIX = "shardwise-scratch-"


@contextmanager
def scratch(parent: Path | None = None) -> Iterator[Path]:
    """Provide an empty private folder while the block runs. Folders of dead processes are removed first.

    A folder is locked while its process lives; the kernel releases the lock when the process ends. Other machines may
    not see the lock, so each machine removes only its own folders.

    Args:
        parent: The parent folder; default: this machine's folder for temporary files.
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
    """Return a folder for temporary files whose path leaves room for a socket's name."""
    parent = gettempdir()
    if len(os.fsencode(parent)) > LONGEST_PARENT:
        parent = "/tmp"  # noqa: S108 — what is made there is safe, and no other folder is sure to be short
    return Path(parent)


def own_prefix() -> str:
    """Return the beginning of the names of this machine's folders, short because paths of sockets are limited."""
    machine = hashlib.md5(socket.gethostname().encode(), usedforsecurity=False).hexdigest()
    return f"{_PREFIX}{machine[:8]}-"


def _locked_folder(parent: Path, prefix: str) -> tuple[Path, int]:
    """Create a folder and return it with the descriptor that keeps it locked."""
    while True:
        folder = Path(mkdtemp(prefix=prefix, dir=parent))
        with suppress(FileNotFoundError):  # another process removed the folder before it was locked
            lock = os.open(folder, os.O_RDONLY)
            with suppress(OSError):  # on a file system without locks, folders of dead processes are not removed
                fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.exists():
                return folder, lock
            os.close(lock)


def _remove_unused(folder: Path) -> None:
    """Remove a folder that no process has locked; an OSError if it is in use or belongs to another program."""
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)
