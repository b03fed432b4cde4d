"""A store in a folder of this machine, or of a mounted file system."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from shared.run.errors import StoreError, StoreUnusableError
from shared.run.scratch import scratch
from shared.run.urls import STORE_NAMED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

OWNER_FILE, OWNER_FOLDER = 0o600, 0o700  # modes: only the owner has access
UNKNOWN = {errno.EINVAL, errno.EPERM, errno.ENOTSUP, errno.ENOSYS}  # errors of a file system for unsupported operations
LASTING = UNKNOWN | {errno.EACCES, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP}
FAILING = {errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ESTALE}  # errors of the disk


class LocalStore:
    """Publishes by renaming, so that every file is complete before it has its name. ``Store`` describes each call."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._root = Path(url)
        self._temporary = self._root / "tmp"

    def read(self, name: str) -> bytes:
        with self.open(name) as file:
            return file.read()

    def create(self, name: str, data: bytes, *, durable: bool = True) -> bool:
        """Create a file by a link, which fails if the name exists and shows only complete files."""
        target = self._root / name
        self._make_private(target.parent)
        with self._complete_file(data, durable=durable) as (descriptor, path), self._doing("linked", target):
            try:
                os.link(path, target, src_dir_fd=descriptor)  # else Python follows a link of the kernel
            except FileExistsError:  # a file server created our link and lost its answer
                return os.path.samestat(os.fstat(descriptor), target.stat())
        return True

    @contextmanager
    def publishing(self, name: str) -> Iterator[Path]:
        target = self._root / name
        with self._temporary_folder() as folder:
            path = folder / target.name
            with self._filling(folder):
                yield path
            self._seal(path)
            self._replace(path, target)

    @contextmanager
    def publishing_folder(self, name: str) -> Iterator[Path]:
        target = self._root / name
        with self._temporary_folder() as folder:
            filled = folder / target.name
            filled.mkdir(OWNER_FOLDER)
            with self._filling(folder):
                yield filled
            for path in [*filled.rglob("*"), filled]:
                self._seal(path)
            self._replace(filled, target)
            self._sync(target.parent)

    def publish_copies(self, names: Iterable[tuple[str, str]]) -> None:
        """Publish hard links to the same bytes, or copies if the file system has no links."""
        with self._temporary_folder() as folder:
            for source, target in names:
                self._copy(self._root / source, folder / "copy")
                self._replace(folder / "copy", self._root / target)

    def sync(self, *folders: str) -> None:
        for folder in folders:
            self._sync(self._root / folder)

    def open(self, name: str) -> BinaryIO:
        """Open a file. Links are refused, because their targets are outside the store."""
        path = self._root / name
        with self._doing("read", path):
            try:
                return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb")
            except OSError as error:
                if error.errno != errno.ELOOP:
                    raise
                raise FileNotFoundError(errno.ENOENT, "a link in place of a file", str(path)) from error

    def names(self, folder: str) -> list[str]:
        return sorted(entry.name for entry in self._entries(folder) if entry.is_file())

    def folders(self, folder: str) -> list[str]:
        return sorted(entry.name for entry in self._entries(folder) if entry.is_dir())

    def remove(self, name: str) -> None:
        path = self._root / name
        with suppress(OSError):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()

    def _entries(self, folder: str) -> list[os.DirEntry[str]]:
        path = self._root / folder
        try:
            with self._doing("read", path), os.scandir(path) as entries:
                return list(entries)
        except FileNotFoundError:
            return []

    @contextmanager
    def _complete_file(self, data: bytes, *, durable: bool) -> Iterator[tuple[int, str]]:
        """Write a complete file without a name in the store; yield its descriptor and a path to link it from.

        A nameless file disappears if its process is killed. If the file system does not support nameless files, the
        file is in a temporary folder.
        """
        try:
            descriptor = os.open(self._temporary, os.O_TMPFILE | os.O_WRONLY, OWNER_FILE)
        except (AttributeError, OSError):  # not Linux, an unsupported file system, or a missing folder
            with self._temporary_folder() as folder:
                path = f"{folder}/new"
                with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, OWNER_FILE), "wb") as file:
                    self._fill(file, data, durable=durable)
                    yield file.fileno(), path
        else:
            with os.fdopen(descriptor, "wb") as file:
                self._fill(file, data, durable=durable)
                yield descriptor, f"/proc/self/fd/{descriptor}"

    def _fill(self, file: BinaryIO, data: bytes, *, durable: bool) -> None:
        with self._doing("written", self._temporary):
            file.write(data)
            file.flush()
            if durable:
                _fsync(file.fileno())

    @contextmanager
    def _temporary_folder(self) -> Iterator[Path]:
        """Provide an empty temporary folder on the same file system, outside all published folders."""
        self._make_private(self._temporary)
        with ExitStack() as stack:
            with self._doing("written", self._temporary):
                folder = stack.enter_context(scratch(self._temporary))
            yield folder

    def _make_private(self, folder: Path) -> None:
        """Create a folder and its missing parents, accessible only to the owner."""
        if folder.is_dir():
            return
        self._make_private(folder.parent)
        with self._doing("written", folder), suppress(FileExistsError):  # it exists, or its use reports the error
            folder.mkdir(OWNER_FOLDER)

    def _seal(self, path: Path) -> None:
        """Restrict a written file or folder to its owner, and sync its content to the disk."""
        with self._doing("written", path), _descriptor(path) as descriptor:
            with _where_known():  # else its folder is private, or the disk has no owners
                os.fchmod(descriptor, OWNER_FOLDER if path.is_dir() else OWNER_FILE)
            _fsync(descriptor)

    def _sync(self, folder: Path) -> None:
        with self._doing("written", folder), _descriptor(folder) as descriptor:
            _fsync(descriptor)

    def _replace(self, path: Path, target: Path) -> None:
        self._make_private(target.parent)
        with self._doing("renamed", target):
            path.replace(target)

    def _copy(self, source: Path, target: Path) -> None:
        """Give a file a second name, in place of an earlier file; copy it if there are no links."""
        target.unlink(missing_ok=True)
        try:
            target.hardlink_to(source)
        except FileNotFoundError:
            raise
        except OSError:
            with self._doing("read", source):
                shutil.copyfile(source, target)
            self._seal(target)

    @contextmanager
    def _doing(self, done: str, path: Path) -> Iterator[None]:
        """Translate errors of the file system during an operation on a path; FileNotFoundError stays unchanged."""
        try:
            yield
        except FileNotFoundError as error:
            if done == "read" or self._root.is_dir():
                raise
            raise StoreError(f"the store {self.url} is gone: {path} cannot be {done}") from error
        except FileExistsError:
            raise
        except OSError as error:
            raise self._failed(done, path, error) from error

    @contextmanager
    def _filling(self, folder: Path) -> Iterator[None]:
        """Translate errors of the disk while a caller writes into a temporary folder; the caller's own errors stay."""
        try:
            yield
        except OSError as error:
            if error.errno in FAILING or not folder.is_dir():
                raise self._failed("written", folder, error) from error
            raise

    def _failed(self, done: str, path: Path, error: OSError) -> StoreError | StoreUnusableError:
        if done == "linked" and error.errno in UNKNOWN:
            why = "its file system has no hard links"
        elif error.errno == errno.EXDEV:
            why = f"{path} is on another disk than {self._temporary}, and files are moved there; link the whole folder"
        elif error.errno in LASTING:
            why = f"{path} cannot be {done}: {error.strerror}"
        else:
            return StoreError(f"the store {self.url} failed: {path} cannot be {done}: {error.strerror or error}")
        return StoreUnusableError(f"the store {self.url} cannot be used: {why}; set another store {STORE_NAMED}")


@contextmanager
def _descriptor(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _where_known() -> Iterator[None]:
    """Ignore errors for operations that a file system does not support."""
    try:
        yield
    except OSError as error:
        if error.errno not in UNKNOWN:
            raise


def _fsync(descriptor: int) -> None:
    with _where_known():
        os.fsync(descriptor)
