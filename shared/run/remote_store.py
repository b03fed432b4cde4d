"""A store in a bucket, through fsspec: an upload is visible only when it is complete."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

from shared.run.errors import TerminalError, TransientError
from shared.run.scratch import scratch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Where the server decides who creates a name first. Other backends of fsspec look, then write.
EXCLUSIVE = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory"}
UPLOADS = 4  # at once
TRIES = 5  # of a creation whose outcome is unknown; the library below has retried each several times
FIRST_WAIT = 0.2  # seconds before the second of them, then twice as long each time


class RemoteStore:
    """Publishes by uploading. See ``Store`` for what each call does."""

    def __init__(self, url: str) -> None:
        import fsspec

        self.url = url
        kind = url.partition("://")[0]
        if kind not in EXCLUSIVE:
            raise TerminalError(
                f"the store {url} cannot be used: {kind} has no way to create a file exactly once; "
                "a store is a local folder or a bucket, such as s3://my-bucket/shardwise"
            )
        try:
            self._files, self._root = fsspec.core.url_to_fs(url, use_listings_cache=False)
        except (ImportError, ValueError) as error:
            raise TerminalError(f"the store {url} cannot be opened: {error}") from error

    def read(self, name: str) -> bytes:
        """See Store."""
        data: bytes = self._files.cat_file(self._path(name))
        return data

    def create(self, name: str, data: bytes) -> bool:
        """See Store. The server decides who is first; after an error of any kind the file itself says who was."""
        for retry in range(TRIES):
            try:
                self._files.pipe_file(self._path(name), data, mode="create")
            except Exception as error:  # noqa: BLE001 — libraries differ; the file decides
                last = error
            else:
                return True
            with suppress(FileNotFoundError):
                return self.read(name) == data
            threading.Event().wait(FIRST_WAIT * 2**retry)
        raise TransientError(f"{self.url}/{name} cannot be created: {last}") from last

    @contextmanager
    def publishing(self, name: str) -> Iterator[Path]:
        """See Store."""
        with scratch() as folder:
            path = folder / PurePosixPath(name).name
            yield path
            self._files.put_file(str(path), self._path(name))

    @contextmanager
    def publishing_folder(self, name: str) -> Iterator[Path]:
        """See Store."""
        with scratch() as folder:
            yield folder
            files = [path for path in folder.rglob("*") if path.is_file()]
            with ThreadPoolExecutor(UPLOADS) as pool:
                list(
                    pool.map(
                        lambda path: self._files.put_file(
                            str(path), self._path(f"{name}/{path.relative_to(folder).as_posix()}")
                        ),
                        files,
                    )
                )

    def publish_copy(self, source: str, target: str) -> None:
        """See Store. The server copies."""
        self._files.cp_file(self._path(source), self._path(target))

    def open(self, name: str) -> BinaryIO:
        """See Store."""
        file: BinaryIO = self._files.open(self._path(name), "rb")
        return file

    def names(self, folder: str) -> list[str]:
        """See Store."""
        try:
            entries = self._files.ls(self._path(folder), detail=True)
        except FileNotFoundError:
            return []
        return sorted(entry["name"].rsplit("/", 1)[-1] for entry in entries if entry["type"] == "file")

    def remove(self, name: str) -> None:
        """See Store."""
        with suppress(Exception):  # libraries differ; what stays is removed by `shardwise clean`
            self._files.rm(self._path(name), recursive=True)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"
