"""The files that a job reads: whether they changed, and their digest."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, Self, cast

from shared.run.errors import TerminalError, TransientError
from shared.run.urls import DATA_NAMED, is_local

if TYPE_CHECKING:
    from collections.abc import Sequence
    from io import BufferedReader

Version = list[str]
Versions = dict[str, Version]


class Inputs(Protocol):
    """What a pipeline's ``inputs`` returns. ``FileInputs`` is one for files of a folder."""

    def versions(self) -> Versions:
        """By file, what tells that it changed, cheap to ask; a TerminalError when one is missing."""

    def digest(self, versions: Versions) -> str:
        """One hex digest over the content of all files whose versions are given."""

    def check(self) -> None:
        """Refuse files that cannot be used, before anything starts: a TerminalError names the file."""


@dataclass(frozen=True)
class FileInputs:
    """Some files of one data folder.

    Attributes:
        url: The folder, an absolute path or an fsspec URL; empty for a job without data.
        files: The fsspec file system it is on.
        root: The folder's path on that file system.
        names: The files; None for every file directly in the folder whose name does not begin with a dot.
    """

    url: str
    files: Any
    root: str
    names: Sequence[str] | None = None

    @classmethod
    def at(cls, url: str, names: Sequence[str] | None = None) -> Self:
        """The inputs in a folder; a TerminalError when its file system cannot be opened, or not by other processes."""
        import fsspec

        if url.startswith("memory://"):
            raise TerminalError(f"the data folder {url} is in the memory of one process, and workers are others")
        try:
            files, root = fsspec.core.url_to_fs(url, use_listings_cache=False)
        except (ImportError, ValueError) as error:
            raise TerminalError(f"the data folder {url} cannot be opened: {error}") from error
        return cls(url, files, root, names)

    def path(self, name: str) -> str:
        """A file's path on the file system."""
        return f"{self.root}/{name}"

    def open(self, name: str) -> BinaryIO:
        """A file's bytes; a TerminalError when they may not be read, or are none."""
        try:
            return cast("BinaryIO", self.files.open(self.path(name), "rb"))
        except (PermissionError, IsADirectoryError) as error:
            raise self._unusable(name, error) from error

    def found(self) -> list[str]:
        """The names of the files, sorted."""
        if self.names is not None:
            return list(self.names)
        try:
            entries = self.files.ls(self.root, detail=True)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise TerminalError(f"there is no data folder {self.url}; name it {DATA_NAMED}") from error
        names = (entry["name"].rstrip("/").rsplit("/", 1)[-1] for entry in entries if entry["type"] == "file")
        return sorted(name for name in names if not name.startswith("."))

    def versions(self) -> Versions:
        """By name, size and modification time, or size and ETag or version.

        Raises:
            TerminalError: A file is missing, or may not be read.
            TransientError: Where the files are cannot be reached.
        """
        return {name: self.version(name) for name in (self.found() if self.url else [])}

    def check(self) -> None:
        """The same as ``versions``, whose result nobody needs."""
        self.versions()

    def version(self, name: str) -> Version:
        """What tells that a file changed; errors as of ``versions``."""
        info = self._info(name)
        keys = ("mtime",) if is_local(self.url) else ("ETag", "etag", "version_id", "LastModified", "created", "mtime")
        return [str(info["size"]), next((str(info[key]) for key in keys if info.get(key)), "")]

    def digest(self, versions: Versions) -> str:
        """One sha256 over each file: its name and BLAKE3 when local, else URL, name, size and ETag or version."""
        if is_local(self.url):
            with ThreadPoolExecutor() as threads:
                parts = [
                    f"{name}|{sum_}" for name, sum_ in zip(versions, threads.map(self._blake3, versions), strict=True)
                ]
        else:
            parts = ["|".join([self.url, name, *version]) for name, version in versions.items()]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def _info(self, name: str) -> dict[str, Any]:
        try:
            info: dict[str, Any] = self.files.info(self.path(name))
        except NotADirectoryError as error:
            raise TerminalError(f"the data folder {self.url} is a file{self._wanted()}") from error
        except FileNotFoundError as error:
            raise self._missing(name, error) from error
        except PermissionError as error:
            raise self._unusable(name, error) from error
        except Exception as error:  # the libraries of remote file systems have errors of their own
            raise TransientError(f"{name} in {self.url} cannot be reached: {_told(error)}") from error
        return info

    def _missing(self, name: str, error: FileNotFoundError) -> Exception:
        """What a file that is not found means: fsspec says so of a server that does not answer, too, or of a bucket."""
        cause = error.__cause__
        if isinstance(cause, OSError) and not isinstance(cause, FileNotFoundError):
            return TransientError(f"{name} in {self.url} cannot be reached: {_told(cause)}")
        why = f" ({error})" if cause and name not in str(error) else ""
        return TerminalError(f"{name} is missing in {self.url}{why}{self._wanted()}")

    def _unusable(self, name: str, error: OSError) -> TerminalError:
        return TerminalError(f"{name} in {self.url} cannot be read: {error.strerror or error}")

    def _wanted(self) -> str:
        if self.names is None:
            return ""
        return f"; a data folder has {', '.join(self.names)} (name it {DATA_NAMED})"

    def _blake3(self, name: str) -> str:
        from blake3 import blake3

        with self.open(name) as file:
            return hashlib.file_digest(cast("BufferedReader", file), blake3).hexdigest()  # type: ignore[arg-type]  # it has what is used


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
