"""The four source files: the checks that come before any row is read, and their headers."""

from __future__ import annotations

import csv
import re
import shutil
from codecs import BOM_UTF8
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from shared.customers.schema import SOURCES
from shared.run.errors import TerminalError
from shared.run.inputs import FileInputs
from shared.run.urls import is_local

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.customers.schema import Source

_SOURCES = {source.file: source for source in SOURCES}
_LINE_END = re.compile(r"[\r\n]")
CHUNK = 1 << 20  # bytes copied at a time


class Inputs(FileInputs):
    """The sources in one data folder."""

    @classmethod
    def at(cls, url: str, names: Sequence[str] | None = tuple(_SOURCES)) -> Self:
        """The inputs in a folder; a TerminalError when its file system cannot be opened, or not by other processes."""
        return super().at(url, names)

    def check(self) -> None:
        """Refuse sources that cannot be staged at all: a TerminalError names the file and what is wrong with it."""
        super().check()
        for source in SOURCES:
            self.header(source)

    def info(self, name: str) -> dict[str, Any]:
        """What its file system tells of a file; a TerminalError also when it is empty."""
        info = super().info(name)
        if info["size"] == 0:
            raise TerminalError(f"{name} in {self.url} is empty; its header must have {_names(_SOURCES[name])}")
        return info

    def header(self, source: Source) -> list[str]:
        """The column names of a file, in its order, without white space around them.

        Raises:
            TerminalError: No readable header, a name twice, or a wanted column missing.
        """
        with TextIOWrapper(self.open(source.file), encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
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

    def plain(self, name: str, folder: Path) -> Path:
        """Where a file is on this machine: itself, or a copy in a folder; errors as of ``versions``."""
        if is_local(self.url):
            return Path(self.path(name))
        copy = folder / name
        with self._explained(name, "read to its end"), self._stream(name) as file, copy.open("wb") as target:
            shutil.copyfileobj(file, target, CHUNK)
        return copy

    def _has_mark(self, source: Source) -> bool:
        with self.open(source.file) as file:
            return file.read(len(BOM_UTF8)) == BOM_UTF8

    def _check(self, source: Source, found: list[str]) -> None:
        wanted = [column.name for column in source.columns]
        if missing := [name for name in wanted if name not in found]:
            raise TerminalError(
                f"{source.file} in {self.url} lacks the column {', '.join(missing)}; "
                f"found: {', '.join(found) or 'no header'}; wanted: {', '.join(wanted)}"
            )
        if twice := sorted({name for name in found if found.count(name) > 1 and name}):
            raise TerminalError(f"{source.file} in {self.url} has the column {', '.join(twice)} more than once")


def _has_surrogates(names: list[str]) -> bool:
    """Whether there were bytes that are not UTF-8: they are read as surrogates."""
    return any("\ud800" <= letter <= "\udfff" for letter in "".join(names))


def _names(source: Source) -> str:
    return ", ".join(column.name for column in source.columns)
