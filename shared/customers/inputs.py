"""The four source files: where they are, whether they changed, their digest, their headers."""

from __future__ import annotations

import csv
import hashlib
import re
from codecs import BOM_UTF8
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from shared.customers.schema import SOURCES
from shared.run.errors import TerminalError, TransientError
from shared.run.urls import is_local

if TYPE_CHECKING:
    from io import BufferedReader

    from shared.customers.schema import Source

Version = list[str]

_LINE_END = re.compile(r"[\r\n]")


@dataclass(frozen=True)
class Inputs:
    """The sources in one data folder.

    Attributes:
        url: The folder, an absolute path or an fsspec URL.
        files: The fsspec file system it is on.
        root: The folder's path on that file system.
    """

    url: str
    files: Any
    root: str

    @classmethod
    def at(cls, url: str) -> Inputs:
        """The inputs in a folder; a TerminalError when its file system cannot be opened, or not by other processes."""
        import fsspec

        if url.startswith("memory://"):
            raise TerminalError(f"the data folder {url} is in the memory of one process, and workers are others")
        try:
            files, root = fsspec.core.url_to_fs(url, use_listings_cache=False)
        except (ImportError, ValueError) as error:
            raise TerminalError(f"the data folder {url} cannot be opened: {error}") from error
        return cls(url, files, root)

    def path(self, source: Source) -> str:
        """A source's path on the file system."""
        return f"{self.root}/{source.file}"

    def versions(self) -> dict[str, Version]:
        """What tells that a file changed, by source name: size and modification time, or size and ETag or version.

        Raises:
            TerminalError: A file is missing or empty, or may not be read.
            TransientError: Where the files are cannot be reached.
        """
        return {source.name: self._version(source) for source in SOURCES}

    def check(self) -> None:
        """Refuse sources that cannot be staged at all: a TerminalError names the file and what is wrong with it."""
        self.versions()
        for source in SOURCES:
            self.header(source)

    def digest(self, versions: dict[str, Version]) -> str:
        """One sha256 over all sources: over their bytes when local, else over URL, size and ETag or version."""
        if is_local(self.url):
            with ThreadPoolExecutor() as pool:
                parts = list(pool.map(self._sha256, SOURCES))
        else:
            parts = ["|".join([self.url, source.file, *versions[source.name]]) for source in SOURCES]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def header(self, source: Source) -> list[str]:
        """The column names of a file, in its order, without white space around them.

        Raises:
            TerminalError: No readable header, a name twice, or a wanted column missing.
        """
        with TextIOWrapper(self.open(source), encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            try:
                found = [name.strip() for name in next(csv.reader(file, strict=True), [])]
            except csv.Error as error:
                raise TerminalError(
                    f"{source.file} in {self.url}: the header cannot be read: {error}; save it as plain CSV"
                ) from error
        if _has_surrogates(found):  # in the header only: bad rows behind it are read ahead, and are rejects
            raise TerminalError(f"{source.file} in {self.url}: the header is not UTF-8; save the file as UTF-8")
        if found and _LINE_END.search(found[0]) and self._has_mark(source):  # DuckDB takes it for the end of a row
            raise TerminalError(
                f"{source.file} in {self.url} begins with a byte order mark and a name with a line break, "
                f"{found[0]!r}, which cannot be told apart; take the line break out"
            )
        self._check(source, found)
        return found

    def open(self, source: Source) -> BinaryIO:
        """A source's bytes; a TerminalError when they may not be read, or are none."""
        try:
            return cast("BinaryIO", self.files.open(self.path(source), "rb"))
        except (PermissionError, IsADirectoryError) as error:
            raise self._unusable(source, error) from error

    def unreadable(self, source: Source, why: str) -> TerminalError:
        """The error of a source that cannot be read row by row."""
        return TerminalError(f"{source.file} in {self.url} cannot be read as CSV: {why}")

    def _version(self, source: Source) -> Version:
        info = self._info(source)
        if not info["size"]:
            raise TerminalError(f"{source.file} in {self.url} is empty; its header must have {_names(source)}")
        keys = ("mtime",) if is_local(self.url) else ("ETag", "etag", "version_id", "LastModified", "created", "mtime")
        return [str(info["size"]), next((str(info[key]) for key in keys if info.get(key)), "")]

    def _info(self, source: Source) -> dict[str, Any]:
        try:
            info: dict[str, Any] = self.files.info(self.path(source))
        except NotADirectoryError as error:
            raise TerminalError(f"the data folder {self.url} is a file; {self._wanted()}") from error
        except FileNotFoundError as error:
            raise self._missing(source, error) from error
        except PermissionError as error:
            raise self._unusable(source, error) from error
        except Exception as error:  # the libraries of remote file systems have errors of their own
            raise TransientError(f"{source.file} in {self.url} cannot be reached: {_told(error)}") from error
        return info

    def _missing(self, source: Source, error: FileNotFoundError) -> Exception:
        """What a file that is not found means: fsspec says so of a server that does not answer, too, or of a bucket."""
        cause = error.__cause__
        if isinstance(cause, OSError) and not isinstance(cause, FileNotFoundError):
            return TransientError(f"{source.file} in {self.url} cannot be reached: {_told(cause)}")
        why = f" ({error})" if cause and source.file not in str(error) else ""
        return TerminalError(f"{source.file} is missing in {self.url}{why}; {self._wanted()}")

    def _unusable(self, source: Source, error: OSError) -> TerminalError:
        return TerminalError(f"{source.file} in {self.url} cannot be read: {error.strerror or error}")

    def _has_mark(self, source: Source) -> bool:
        with self.open(source) as file:
            return file.read(len(BOM_UTF8)) == BOM_UTF8

    def _wanted(self) -> str:
        files = ", ".join(source.file for source in SOURCES)
        return f"a data folder has {files} (name it by --data or SHARDWISE_DATA_URL)"

    def _sha256(self, source: Source) -> str:
        with self.open(source) as file:
            return hashlib.file_digest(cast("BufferedReader", file), "sha256").hexdigest()

    def _check(self, source: Source, found: list[str]) -> None:
        wanted = [column.name for column in source.columns]
        if missing := [name for name in wanted if name not in found]:
            raise TerminalError(
                f"{source.file} in {self.url} lacks the column {', '.join(missing)}; "
                f"found: {', '.join(found) or 'no header'}; wanted: {', '.join(wanted)}"
            )
        if twice := sorted({name for name in found if found.count(name) > 1 and name}):
            raise TerminalError(f"{source.file} in {self.url} has the column {', '.join(twice)} more than once")


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _has_surrogates(names: list[str]) -> bool:
    """Whether there were bytes that are not UTF-8: they are read as surrogates."""
    return any("\ud800" <= letter <= "\udfff" for letter in "".join(names))


def _names(source: Source) -> str:
    return ", ".join(column.name for column in source.columns)
