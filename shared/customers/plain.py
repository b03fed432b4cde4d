"""Provides a source file as plain CSV on this machine."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from shared.customers.source_files import source_of
from shared.run.errors import TerminalError

if TYPE_CHECKING:
    from pathlib import Path

    from shared.customers.schema import Source
    from shared.customers.source_files import SourceFiles


@dataclass(frozen=True)
class PlainFile:
    """One file of a source.

    Attributes:
        source: The source that it belongs to.
        name: Its name in the data folder.
        folder: The data folder's URL.
        header: Its columns in file order.
        path: The path of its bytes: the file itself, or a copy.
    """

    source: Source
    name: str
    folder: str
    header: list[str]
    path: Path

    @classmethod
    def of(cls, inputs: SourceFiles, name: str, spill: Path) -> Self:
        """Return a file of the data folder; a file that is not plain CSV on this machine is copied to ``spill``."""
        path = inputs.plain(name, spill / secrets.token_hex(16))
        return cls(source_of(name), name, inputs.url, inputs.header(name), path)

    @property
    def most_records(self) -> int:
        """An upper bound of its records: each has at least one character and a line end."""
        return self.path.stat().st_size // 2

    def unreadable(self, why: str) -> TerminalError:
        """Return the error for a file that cannot be read row by row."""
        return TerminalError(f"{self.name} in {self.folder} cannot be read as CSV: {why}")
