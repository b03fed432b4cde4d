"""A store in a folder of this machine, or of a file system mounted on it."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from shared.run.errors import TerminalError
from shared.run.scratch import scratch
from shared.run.urls import STORE_NAMED

if TYPE_CHECKING:
    from collections.abc import Iterator

NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS}  # what a file system without them says
UNUSABLE = NO_LINKS | {errno.EACCES, errno.EROFS, errno.ENOTDIR, errno.ENOENT}
OWNER_FILE, OWNER_FOLDER = 0o600, 0o700  # modes: for its owner only


class LocalStore:
    """Publishes by renaming: every file is complete before it has its name. See ``Store`` for what each call does."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._root = Path(url)

    def read(self, name: str) -> bytes:
        """See Store."""
        return (self._root / name).read_bytes()

    def create(self, name: str, data: bytes) -> bool:
        """See Store. A link fails where the name exists, and shows only files that are complete."""
        target = self._root / name
        with self._temporary_folder() as folder:
            complete = folder / target.name
            complete.write_bytes(data)
            _seal(complete)
            _make_private(target.parent)
            try:
                target.hardlink_to(complete)
            except FileExistsError:
                return target.samefile(complete)  # ours, where a file server made the link and lost its answer
            except OSError as error:
                raise self._refused(error) from error
        return True

    @contextmanager
    def publishing(self, name: str) -> Iterator[Path]:
        """See Store."""
        target = self._root / name
        with self._temporary_folder() as folder:
            path = folder / target.name
            yield path
            _seal(path)
            _replace(path, target)

    @contextmanager
    def publishing_folder(self, name: str) -> Iterator[Path]:
        """See Store."""
        target = self._root / name
        with self._temporary_folder() as folder:
            filled = folder / target.name
            filled.mkdir(OWNER_FOLDER)
            yield filled
            for path in [*filled.rglob("*"), filled]:
                _seal(path)
            _replace(filled, target)

    def publish_copy(self, source: str, target: str) -> None:
        """See Store. A second link to the same bytes, where the file system has links."""
        with self._temporary_folder() as folder:
            copy = folder / Path(target).name
            try:
                copy.hardlink_to(self._root / source)
            except FileNotFoundError:
                raise
            except OSError:
                shutil.copyfile(self._root / source, copy)
                _seal(copy)
            _replace(copy, self._root / target)

    def open(self, name: str) -> BinaryIO:
        """See Store."""
        return (self._root / name).open("rb")

    def names(self, folder: str) -> list[str]:
        """See Store."""
        return sorted(entry.name for entry in self._entries(folder) if entry.is_file())

    def folders(self, folder: str) -> list[str]:
        """See Store."""
        return sorted(entry.name for entry in self._entries(folder) if entry.is_dir())

    def remove(self, name: str) -> None:
        """See Store."""
        path = self._root / name
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)

    def _entries(self, folder: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self._root / folder) as entries:
                return list(entries)
        except FileNotFoundError:
            return []

    @contextmanager
    def _temporary_folder(self) -> Iterator[Path]:
        """An empty folder on the same file system, outside every published one; gone afterwards."""
        with ExitStack() as stack:
            try:
                _make_private(self._root / "tmp")
                folder = stack.enter_context(scratch(self._root / "tmp"))
            except OSError as error:
                raise self._refused(error) from error
            yield folder

    def _refused(self, error: OSError) -> Exception:
        """What to say of a folder that cannot be a store; another error stays as it is."""
        if error.errno not in UNUSABLE:
            return error
        why = "its file system has no hard links" if error.errno in NO_LINKS else error.strerror
        return TerminalError(f"the store {self.url} cannot be written: {why}; name another {STORE_NAMED}")


def _make_private(folder: Path) -> None:
    """Make a folder, and those above that are missing, each for its owner only."""
    if folder.is_dir():
        return
    _make_private(folder.parent)
    with suppress(FileExistsError):  # another process made it; where it is a file, its use says so
        folder.mkdir(OWNER_FOLDER)


def _seal(path: Path) -> None:
    """Make a written file or folder its owner's only, and its content survive a power cut."""
    path.chmod(OWNER_FOLDER if path.is_dir() else OWNER_FILE)
    _sync(path)


def _replace(path: Path, target: Path) -> None:
    _make_private(target.parent)
    path.replace(target)
    _sync(target.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
