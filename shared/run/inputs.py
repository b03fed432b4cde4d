"""The files that a job reads: their versions and their digest."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, Self, cast
from weakref import finalize

from shared.run.checksum import Checksum
from shared.run.content_tag import content_tag
from shared.run.data_folder import files_here, files_there
from shared.run.errors import TerminalError, TransientError
from shared.run.proxies import bypass_proxies
from shared.run.urls import DATA_NAMED, is_local

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Version = list[str]
Versions = dict[str, Version]

_CHAIN = "::"  # fsspec keeps archives and caches over other file systems open, with their old content

LASTING = (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError)  # waiting does not help


class Inputs(Protocol):
    """What a pipeline's ``inputs`` returns. ``FileInputs`` implements it for files of a folder."""

    def versions(self) -> Versions:
        """Return the version of each file, without reading it if possible; a TerminalError if a file is missing."""

    def digest(self, versions: Versions) -> str:
        """Return one hex digest over the content of all files with these versions."""

    def check(self) -> None:
        """Refuse files that cannot be used, before anything starts: a TerminalError names the file."""


@dataclass(frozen=True)
class FileInputs:
    """Files of one data folder.

    Attributes:
        url: The folder, an absolute path or an fsspec URL; empty for a job without data.
        files: The fsspec file system.
        root: The folder's path on that file system.
        names: The names of the files; None for every file below the folder, except paths with a name that begins with a
            dot.
    """

    url: str
    files: Any
    root: str
    names: Sequence[str] | None = None

    @classmethod
    def at(cls, url: str, names: Sequence[str] | None = None) -> Self:
        """Return the inputs in a folder; a TerminalError if workers cannot open its file system."""
        import fsspec

        if url.startswith("memory://"):
            raise TerminalError(f"the data folder {url} is in the memory of one process, which workers cannot read")
        bypass_proxies()
        options = {"skip_instance_cache": True} if _CHAIN in url else {}
        try:
            files, root = fsspec.core.url_to_fs(url, use_listings_cache=False, **options)
        except Exception as error:  # an error of the file system's library, or of an archive
            worth_waiting = isinstance(error, OSError) and not isinstance(error, LASTING)
            kind = TransientError if worth_waiting else TerminalError
            raise kind(f"the data folder {url} cannot be opened: {_told(error)}") from error
        return cls(url, files, root, names)

    def path(self, name: str) -> str:
        """Return a file's path on the file system."""
        return f"{self.root}/{name}" if self.root else name

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading bytes; raises as ``versions``, and a TerminalError for a folder."""
        with self._explained(name):
            file = cast("BinaryIO", self.files.open(self.path(name), "rb"))
        finalize(file, bool, self.files).atexit = False  # an archive closes its open files when nothing references it
        return file

    def found(self) -> list[str]:
        """The names of the files, sorted."""
        if self.names is not None:
            return list(self.names)
        with self._explained():
            names = files_here(self.root) if is_local(self.url) else files_there(self.files, self.root)
        if not names:
            raise TerminalError(
                f"the data folder {self.url} has no files; set another folder {DATA_NAMED}, "
                "or define inputs in the pipeline"
            )
        return names

    def versions(self) -> Versions:
        """Return the version of each file by name.

        Raises:
            TerminalError: A file is missing or not readable.
            TransientError: The file system cannot be reached.
        """
        return {name: self.version(name) for name in (self.found() if self.url else [])}

    def check(self) -> None:
        """Refuse files that are missing or not readable; raises as ``versions``."""
        for name in self.found() if self.url else []:
            self.info(name)

    def version(self, name: str) -> Version:
        """Return size and modification time of a local file, size and tag of a remote one; raises as ``versions``.

        Without a tag, or with a time in whole seconds, within which a file can change twice, the version is the size,
        an empty text and the BLAKE3 of the content.
        """
        info = self.info(name)
        tag = _fine_time(info["mtime"]) if is_local(self.url) else content_tag(info)
        return [str(info["size"]), tag] if tag else self._read(name)

    def digest(self, versions: Versions) -> str:
        """Return one sha256 over name and BLAKE3 of each file, or over URL, name, size and tag if there is a tag."""
        with ThreadPoolExecutor() as threads:
            parts = threads.map(self._identity, versions, versions.values())
            return hashlib.sha256("\n".join(parts).encode(errors="surrogateescape")).hexdigest()

    def info(self, name: str) -> dict[str, Any]:
        """Return the file system's information about a file; raises as ``versions``."""
        with self._explained(name):
            info: dict[str, Any] = self.files.info(self.path(name))
        return info

    @contextmanager
    def _explained(self, name: str = "", failed: str = "reached") -> Iterator[None]:
        """Translate a file system's error for a file, or for the folder if there is no name."""
        what = f"{name} in {self.url}" if name else f"the data folder {self.url}"
        try:
            yield
        except (TerminalError, TransientError):
            raise
        except NotADirectoryError as error:
            raise TerminalError(f"the data folder {self.url} is a file{self._wanted()}") from error
        except FileNotFoundError as error:
            raise self._missing(name, error) from error
        except (PermissionError, IsADirectoryError) as error:
            raise TerminalError(f"{what} cannot be read: {error.strerror or error}") from error
        except Exception as error:  # the libraries of remote file systems raise their own errors
            raise TransientError(f"{what} cannot be {failed}: {_told(error)}") from error

    def _missing(self, name: str, error: FileNotFoundError) -> Exception:
        """Explain a missing file: fsspec reports servers that do not answer, and missing buckets, as missing files."""
        cause = error.__cause__
        if isinstance(cause, OSError) and not isinstance(cause, FileNotFoundError):
            return TransientError(f"{name or 'a folder'} in {self.url} cannot be reached: {_told(cause)}")
        if not name:
            return TerminalError(f"there is no data folder {self.url}; set it {DATA_NAMED}")
        why = f" ({error})" if cause and name not in str(error) else ""
        return TerminalError(f"{name} is missing in {self.url}{why}{self._wanted()}")

    def _wanted(self) -> str:
        if self.names is None:
            return ""
        return f"; a data folder has {', '.join(self.names)} (set it {DATA_NAMED})"

    def _identity(self, name: str, version: Version) -> str:
        size, tag, *content = version
        if tag and not is_local(self.url):
            return f"{self.url}|{name}|{size}|{tag}"
        return f"{name}|{(content or self._read(name))[-1]}"

    def _read(self, name: str) -> Version:
        """Return a version by content: the size, an empty text and the BLAKE3."""
        with self._explained(name, "read completely"), self._stream(name) as file:
            found = Checksum.of(file)
        return [str(found.size), "", found.blake3]

    def _stream(self, name: str) -> BinaryIO:
        """Yield a file's bytes from first to last, also from a web server that does not support ranges."""
        if not self.url.startswith(("http://", "https://")):
            return self.open(name)
        return cast("BinaryIO", self.files.open(self.path(name), "rb", block_size=0))


def _fine_time(mtime: float) -> str:
    """Return a modification time that distinguishes two changes; empty if it is in whole seconds."""
    return "" if mtime.is_integer() else str(mtime)


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
