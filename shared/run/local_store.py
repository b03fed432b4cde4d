"""A store in a folder of this machine, or of a file system mounted on it."""

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

OWNER_FILE, OWNER_FOLDER = 0o600, 0o700  # modes: for its owner only
UNKNOWN = {errno.EINVAL, errno.EPERM, errno.ENOTSUP, errno.ENOSYS}  # says a file system of what it does not have
LASTING = UNKNOWN | {errno.EACCES, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP}
FAILING = {errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ESTALE}  # says a disk, whatever is written to it


class LocalStore:
    """Publishes by renaming: every file is complete before it has its name. See ``Store`` for what each call does."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._root = Path(url)
        self._temporary = self._root / "tmp"

    def read(self, name: str) -> bytes:
        with self.open(name) as file:
            return file.read()

    def create(self, name: str, data: bytes, *, durable: bool = True) -> bool:
        """See Store. A link fails where the name exists, and shows only files that are complete."""
        target = self._root / name
        self._make_private(target.parent)
        with self._complete_file(data, durable=durable) as (descriptor, path), self._doing("linked", target):
            try:
                os.link(path, target, src_dir_fd=descriptor)  # given any, Python follows a link of the kernel
            except FileExistsError:  # it is ours, where a file server made the link and lost its answer
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
        """See Store. Second links to the same bytes, where the file system has links."""
        with self._temporary_folder() as folder:
            for source, target in names:
                self._copy(self._root / source, folder / "copy")
                self._replace(folder / "copy", self._root / target)

    def sync(self, *folders: str) -> None:
        for folder in folders:
            self._sync(self._root / folder)

    def open(self, name: str) -> BinaryIO:
        """See Store. A link is not a file of the store: what it points to is elsewhere."""
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
        """A file with content that has no name in the store yet: its descriptor, and a path to link it from.

        Of a file without any name nothing is left when its process is killed. Where the file system has none, it is in
        a temporary folder.
        """
        try:
            descriptor = os.open(self._temporary, os.O_TMPFILE | os.O_WRONLY, OWNER_FILE)
        except (AttributeError, OSError):  # not Linux; not this file system; no folder yet
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
        """An empty folder on the same file system, outside every published one; gone afterwards."""
        self._make_private(self._temporary)
        with ExitStack() as stack:
            with self._doing("written", self._temporary):
                folder = stack.enter_context(scratch(self._temporary))
            yield folder

    def _make_private(self, folder: Path) -> None:
        """Make a folder, and those above that are missing, each for its owner only."""
        if folder.is_dir():
            return
        self._make_private(folder.parent)
        with self._doing("written", folder), suppress(FileExistsError):  # another process made it, or its use says so
            folder.mkdir(OWNER_FOLDER)

    def _seal(self, path: Path) -> None:
        """Make a written file or folder its owner's only, and its content survive a power cut."""
        with self._doing("written", path), _descriptor(path) as descriptor:
            with _where_known():  # else it is in a folder that is its owner's only, or on a disk that knows no owners
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
        """A second name for a file, in place of an earlier one; a second file where there are no links."""
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
        """What an error of the file system means, of what was done to a path. That a file is missing stays as it is."""
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
        """The same for what a caller writes into a temporary folder, as far as it is not the caller's own mistake."""
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
        return StoreUnusableError(f"the store {self.url} cannot be used: {why}; name another {STORE_NAMED}")


@contextmanager
def _descriptor(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _where_known() -> Iterator[None]:
    """Do without what a file system does not have."""
    try:
        yield
    except OSError as error:
        if error.errno not in UNKNOWN:
            raise


def _fsync(descriptor: int) -> None:
    with _where_known():
        os.fsync(descriptor)
