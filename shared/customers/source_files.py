"""Finds, checks and opens the source files in a data folder, before any row is read."""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from shared.customers.decoding import MARK_BYTES, UndecodableError, is_plain, plain_bytes
from shared.customers.files import Listing, UnclearFilesError, files_of, lookalike, single_files
from shared.customers.header import LONGEST, HeaderError, read_header
from shared.customers.schema import SOURCES
from shared.run.errors import TerminalError
from shared.run.inputs import LASTING, FileInputs
from shared.run.urls import is_local

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shared.customers.schema import Source

_WEB = ("http://", "https://")  # few servers can list their files, and some answer with an unrelated page
_SOURCES = {source.name: source for source in SOURCES}


class SourceFiles(FileInputs):
    """The sources in one data folder, each as one file or several parts."""

    @classmethod
    def at(cls, url: str, names: Sequence[str] | None = tuple(source.file for source in SOURCES)) -> Self:
        """Return the sources in a folder; a TerminalError if workers cannot open its file system."""
        return super().at(url, names)

    def found(self) -> list[str]:
        """The files of all sources; raises as ``sources``."""
        return [name for files in self.sources().values() for name in files]

    def sources(self) -> dict[Source, list[str]]:
        """Return the files of each source, parts ordered by name.

        Raises:
            TerminalError: The files of a source are ambiguous, or have another name.
        """
        listing = self._listing()
        return {source: self._files(source, listing) for source in SOURCES}

    def check(self) -> None:
        """Refuse sources that cannot be staged: a TerminalError names the file and the problem."""
        names = self.found()
        with ThreadPoolExecutor() as threads:
            for look in (self.info, self.header):
                list(threads.map(look, names))

    def info(self, name: str) -> dict[str, Any]:
        """Return the file system's information about a file; a TerminalError if it is empty."""
        info = super().info(name)
        if info["size"] == 0:
            wanted = ", ".join(column.name for column in source_of(name).columns)
            raise TerminalError(f"{name} in {self.url} is empty; its header must have {wanted}")
        return info

    def header(self, name: str) -> list[str]:
        """Return the column names of a file in file order; a TerminalError if the header cannot be used."""
        start = b""
        for chunk in self._plain_bytes(name):
            start += chunk
            if len(start) >= LONGEST:
                break
        try:
            return read_header(source_of(name), start)
        except HeaderError as error:
            raise TerminalError(f"{name} in {self.url}{error}") from error

    def plain(self, name: str, copy: Path) -> Path:
        """Return a file as plain CSV on this machine: the file itself, or a copy.

        Raises:
            TerminalError: It cannot be decompressed, or is not in the encoding that its first bytes name.
            TransientError: It cannot be read completely.
        """
        if is_local(self.url):
            path = Path(self.path(name))
            with self._explained(name), path.open("rb") as file:
                if is_plain(name, file.read(MARK_BYTES)):
                    return path
        with copy.open("wb") as target:
            for chunk in self._plain_bytes(name):
                target.write(chunk)
        return copy

    def _plain_bytes(self, name: str) -> Iterator[bytes]:
        """Yield a file's bytes as plain CSV; raises as ``plain``."""
        with self._explained(name, "read completely"):
            try:
                yield from plain_bytes(self._stream(name), name)
            except UndecodableError as error:
                raise TerminalError(f"{name} in {self.url} cannot be read: {error}") from error

    def _files(self, source: Source, listing: Listing | None) -> list[str]:
        if listing is None:
            there = (name for name in single_files(source) if self.files.exists(self.path(name)))
            return [next(there, source.file)]
        try:
            files = files_of(source, listing)
        except UnclearFilesError as error:
            raise TerminalError(f"the data folder {self.url} {error}") from error
        if not files and (hint := lookalike(source, listing)):
            raise TerminalError(f"{source.file} is missing in {self.url}{hint}{self._wanted()}")
        return files or [source.file]

    def _listing(self) -> Listing | None:
        """Return the names in the folder; None if its file system cannot list them."""
        try:
            names = self._names("")
            folders = [name[:-1] for name in names if name.endswith("/") and name[:-1].lower() in _SOURCES]
            return Listing(
                [name for name in names if not name.endswith("/")], {each: self._names(each) for each in folders}
            )
        except Exception as error:
            if isinstance(error, (*LASTING, NotImplementedError)) or self.url.startswith(_WEB):
                return None
            with self._explained():
                raise

    def _names(self, folder: str) -> list[str]:
        """Return the names in the data folder or one of its folders; names of folders end with ``/``."""
        path = self.path(folder) if folder else self.root
        if is_local(self.url):
            with os.scandir(path) as found:
                return [f"{entry.name}/" if entry.is_dir() else entry.name for entry in found]
        entries = self.files.ls(path, detail=True)
        ends = {"directory": "/"}
        return [each["name"].rstrip("/").rsplit("/", 1)[-1] + ends.get(each["type"], "") for each in entries]


def source_of(name: str) -> Source:
    """Return the source that a file belongs to."""
    return _SOURCES[re.split("[-./]", name)[0]]
