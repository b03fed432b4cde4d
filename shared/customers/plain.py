"""A file of a source as plain CSV on this machine: what is surveyed and read."""

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
    """One file.

    Attributes:
        source: Which source it is of.
        name: In the data folder.
        folder: The data folder's URL.
        header: Its columns in its order.
        path: Where its bytes are: the file itself, or a copy.
    """

    source: Source
    name: str
    folder: str
    header: list[str]
    path: Path

    @classmethod
    def of(cls, inputs: SourceFiles, name: str, spill: Path) -> Self:
        """A file of the data folder; where it is not plain CSV on this machine, a copy is written to ``spill``."""
        path = inputs.plain(name, spill / secrets.token_hex(16))
        return cls(source_of(name), name, inputs.url, inputs.header(name), path)

    @property
    def most_records(self) -> int:
        """More than it can have: each has a character and an end."""
        return self.path.stat().st_size // 2

    def unreadable(self, why: str) -> TerminalError:
        """The error of a file that cannot be read row by row."""
        return TerminalError(f"{self.name} in {self.folder} cannot be read as CSV: {why}")
