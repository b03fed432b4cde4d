"""A store in a bucket, through fsspec. An upload is visible only when it is complete."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO

from shared.run.errors import StoreError, StoreUnusableError
from shared.run.proxies import bypass_proxies
from shared.run.scratch import scratch
from shared.run.urls import STORE_NAMED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

# Stores whose server decides which process creates a name first. All other backends of fsspec check, then write, so
# that two processes can both write. This includes ``memory``.
EXCLUSIVE = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss"}
UPLOADS, COPIES = 4, 16  # parallel requests
TRIES = 5  # attempts at a creation with an unknown outcome; the library repeats each one several times
FIRST_WAIT = 0.2  # seconds before the second of them, then twice as long each time


class RemoteStore:
    """Publishes by uploading. ``Store`` describes each call.

    Every call raises a StoreUnusableError if the bucket, the credentials or the permissions are missing, and a
    StoreError if the server does not answer or fails.
    """

    def __init__(self, url: str) -> None:
        import fsspec

        self.url = url
        kind = url.partition("://")[0]
        if kind not in EXCLUSIVE:
            raise StoreUnusableError(
                f"the store {url} cannot be used: {kind}:// cannot create a file for exactly one of many processes; "
                f"name a local folder, or a bucket such as s3://my-bucket/shardwise, {STORE_NAMED}"
            )
        bypass_proxies()  # needed also in a worker of an engine, which none of our commands started
        try:
            self._files, self._root = fsspec.core.url_to_fs(url, use_listings_cache=False)
        except (ImportError, ValueError) as error:
            raise StoreUnusableError(f"the store {url} cannot be opened: {error}") from error

    def read(self, name: str) -> bytes:
        data: bytes = self._call("cat_file", self._path(name))
        return data

    def create(self, name: str, data: bytes, *, durable: bool = True) -> bool:  # noqa: ARG002 — it is, once it answered
        """Create a file. The server decides who is first; after any error, the file itself shows who was.

        If an answer is lost after the file was written, the library repeats the request and reports that the file
        exists. The nonce in the file shows that it is ours.
        """
        for retry in range(TRIES):
            try:
                self._call("pipe_file", self._path(name), data, mode="create")
            except (FileExistsError, StoreError) as error:
                last = error
            else:
                return True
            with suppress(FileNotFoundError):
                return self.read(name) == data
            threading.Event().wait(FIRST_WAIT * 2**retry)
        raise StoreError(f"{self.url}/{name} cannot be created: {last}") from last

    @contextmanager
    def publishing(self, name: str) -> Iterator[Path]:
        with scratch() as folder:
            path = folder / PurePosixPath(name).name
            yield path
            self._upload(path, name)

    @contextmanager
    def publishing_folder(self, name: str) -> Iterator[Path]:
        with scratch() as folder:
            yield folder
            files = [path for path in folder.rglob("*") if path.is_file()]
            names = [f"{name}/{path.relative_to(folder).as_posix()}" for path in files]
            with ThreadPoolExecutor(UPLOADS) as pool:
                list(pool.map(self._upload, files, names))

    def publish_copies(self, names: Iterable[tuple[str, str]]) -> None:
        """Copy files on the server."""
        with ThreadPoolExecutor(COPIES) as pool:
            list(pool.map(lambda pair: self._call("cp_file", *map(self._path, pair)), names))

    def sync(self, *folders: str) -> None:
        """Do nothing: the server has stored what it has confirmed."""

    def open(self, name: str) -> BinaryIO:
        file: BinaryIO = self._call("open", self._path(name), "rb")
        return file

    def names(self, folder: str) -> list[str]:
        return self._entries(folder, "file")

    def folders(self, folder: str) -> list[str]:
        return self._entries(folder, "directory")

    def remove(self, name: str) -> None:
        with suppress(FileNotFoundError, StoreError, StoreUnusableError):
            self._call("rm", self._path(name), recursive=True)

    def _entries(self, folder: str, kind: str) -> list[str]:
        try:
            entries = self._call("ls", self._path(folder), detail=True)
        except FileNotFoundError:
            return []
        return sorted(entry["name"].rstrip("/").rsplit("/", 1)[-1] for entry in entries if entry["type"] == kind)

    def _upload(self, path: Path, name: str) -> None:
        self._call("put_file", str(path), self._path(name))

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _call(self, method: str, *arguments: object, **options: object) -> Any:  # noqa: ANN401 — what the method returns
        """Call the file system and translate its errors; missing and existing files are reported unchanged."""
        try:
            return getattr(self._files, method)(*arguments, **options)
        except Exception as error:
            raise _understood(self.url, error) from error


def _understood(url: str, error: Exception) -> Exception:
    """Translate an error of the file system. The libraries share no classes, so some are recognised by their text."""
    text = f"{type(error).__name__}: {error}".lower()
    if "bucket does not exist" in text:
        return StoreUnusableError(
            f"the store {url} cannot be used: its bucket does not exist; create it, or set another store {STORE_NAMED}"
        )
    if isinstance(error, FileNotFoundError | FileExistsError):
        return error
    if "credential" in text:
        return StoreUnusableError(
            f"the store {url} cannot be used: {error}; set them as its library wants, "
            "for S3 AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE"
        )
    if isinstance(error, PermissionError):
        return StoreUnusableError(f"the store {url} cannot be used: access is denied ({error}); check the credentials")
    if "could not connect" in text:
        return StoreError(f"the store {url} cannot be reached: {error}")
    return StoreError(f"the store {url} failed: {type(error).__name__}: {error}")
