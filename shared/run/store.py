"""Where stagings and runs live: a local folder or any fsspec URL, with atomic publication and exclusive creation."""

from __future__ import annotations

import json
import os
import secrets
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from shared.run.errors import TerminalError
from shared.run.job import is_local
from shared.run.scratch import scratch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager

PRIVATE = 0o600
READERS = 16  # at once: a bucket takes tens of milliseconds for each file


class Store(Protocol):
    """Named files below one root. A name uses ``/`` and never starts with it."""

    url: str

    def read(self, name: str) -> bytes:
        """The whole file; FileNotFoundError when there is none."""

    def create(self, name: str, data: bytes) -> bool:
        """Write a file that must not exist, all or nothing; False when it exists. Of many at once exactly one wins."""

    def publishing(self, name: str) -> AbstractContextManager[Path]:
        """A local file to fill. When the block ends without an error it appears under its name at once, complete."""

    def open(self, name: str) -> BinaryIO:
        """The file, seekable, for reading parts of it; FileNotFoundError when there is none."""

    def names(self, folder: str) -> list[str]:
        """The names of the files directly in a folder, sorted, without the folder; empty when there is none."""


def open_store(url: str) -> Store:
    """The store at an absolute path or URL; a local folder is made when it is first written to."""
    return LocalStore(url) if is_local(url) else RemoteStore(url)


def read_json(store: Store, name: str) -> dict[str, Any]:
    """A JSON object of the store; FileNotFoundError when there is none."""
    value: dict[str, Any] = json.loads(store.read(name))
    return value


def read_all_json(store: Store, names: Iterable[str]) -> list[dict[str, Any]]:
    """Some JSON objects of the store, in the order of their names given, read side by side."""
    with ThreadPoolExecutor(READERS) as pool:
        return list(pool.map(partial(read_json, store), names))


def create_json(store: Store, name: str, value: dict[str, Any]) -> bool:
    """Write a JSON object that must not exist; False when it does."""
    return store.create(name, json.dumps(value, indent=1).encode() + b"\n")


class LocalStore:
    """A folder of this machine, or of a file system mounted on it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._root = Path(url)

    def read(self, name: str) -> bytes:
        """See Store."""
        return (self._root / name).read_bytes()

    def create(self, name: str, data: bytes) -> bool:
        """See Store. A link fails where the name exists, and shows only files that are complete."""
        target = self._root / name
        with self._temporary() as temporary:
            temporary.write_bytes(data)
            _sync(temporary)
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(temporary, target)
            except FileExistsError:
                return False
        return True

    @contextmanager
    def publishing(self, name: str) -> Iterator[Path]:
        """See Store."""
        target = self._root / name
        with self._temporary() as temporary:
            yield temporary
            _sync(temporary)
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary.replace(target)
            _sync(target.parent)

    def open(self, name: str) -> BinaryIO:
        """See Store."""
        return (self._root / name).open("rb")

    def names(self, folder: str) -> list[str]:
        """See Store."""
        try:
            return sorted(entry.name for entry in os.scandir(self._root / folder) if entry.is_file())
        except FileNotFoundError:
            return []

    @contextmanager
    def _temporary(self) -> Iterator[Path]:
        """A name outside every published folder, on the same file system, gone afterwards."""
        folder = self._root / "tmp"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TerminalError(
                f"the store {self.url} cannot be written: {error.strerror}; "
                "name another by --store or SHARDWISE_STORE_URL"
            ) from error
        path = folder / secrets.token_hex(16)
        path.touch(PRIVATE)
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)


class RemoteStore:
    """A bucket or any other fsspec URL: an upload is visible only when it is complete."""

    def __init__(self, url: str) -> None:
        import fsspec

        self.url = url
        try:
            self._files, self._root = fsspec.core.url_to_fs(url, use_listings_cache=False)
        except (ImportError, ValueError) as error:
            raise TerminalError(f"the store {url} cannot be opened: {error}") from error

    def read(self, name: str) -> bytes:
        """See Store."""
        data: bytes = self._files.cat_file(f"{self._root}/{name}")
        return data

    def create(self, name: str, data: bytes) -> bool:
        """See Store. The server decides who is first."""
        try:
            self._files.pipe_file(f"{self._root}/{name}", data, mode="create")
        except FileExistsError:
            return False
        return True

    @contextmanager
    def publishing(self, name: str) -> Iterator[Path]:
        """See Store."""
        with scratch() as folder:
            path = folder / "upload"
            path.touch(PRIVATE)
            yield path
            self._files.put_file(str(path), f"{self._root}/{name}")

    def open(self, name: str) -> BinaryIO:
        """See Store."""
        file: BinaryIO = self._files.open(f"{self._root}/{name}", "rb")
        return file

    def names(self, folder: str) -> list[str]:
        """See Store."""
        try:
            entries = self._files.ls(f"{self._root}/{folder}", detail=True)
        except FileNotFoundError:
            return []
        return sorted(entry["name"].rsplit("/", 1)[-1] for entry in entries if entry["type"] == "file")


def _sync(path: Path) -> None:
    """Make a file's bytes, or a folder's entries, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
