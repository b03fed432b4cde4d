"""State in local files: one file, or a folder with its content."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.run.errors import TerminalError
from shared.state.contents import SIDE_FILES, is_side_file, is_sqlite, read_content, read_sqlite

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.state.table import State

LEFT_OUT = {".shardwise", "__pycache__"}  # folders that Shardwise and Python create


@dataclass(frozen=True)
class Files:
    """A ``Source`` for a file or a folder."""

    name: str
    path: Path

    @property
    def files(self) -> tuple[Path, ...]:
        """The path itself, and the side files of databases."""
        return (self.path, *(self.path.with_name(self.path.name + side) for side in SIDE_FILES))

    @property
    def elsewhere(self) -> bool:
        """Whether it is on another machine."""
        return False

    def read(self) -> State:
        """Read the tables of every file, named by the path below the source."""
        state: State = {}
        base = self.name.rstrip("/") or self.name
        try:
            for file in files_in(self.path):
                inside = file.relative_to(self.path).as_posix()
                state |= _tables(file, base if inside == "." else f"{base}/{inside}")
        except (OSError, ValueError) as error:
            raise TerminalError(f"--watch {self.name} cannot be read: {error}") from error
        return state


def files_in(path: Path) -> Iterator[Path]:
    """Return a file itself, or all files below a folder, sorted; links are not followed."""
    if path.is_symlink() or not path.is_dir():
        if path.is_symlink() or path.exists():
            yield path
        return
    with os.scandir(path) as entries:
        names = sorted(entry.name for entry in entries)
    for name in names:
        if name not in LEFT_OUT:
            yield from files_in(path / name)


def _tables(file: Path, name: str) -> State:
    from shared.state.table import Table

    if file.is_symlink():
        return {name: Table(("link to",), ((str(file.readlink()),),), unit="value")}
    if not file.is_file() or is_side_file(file):
        return {}
    if is_sqlite(file):
        return {f"{name}: {table}": rows for table, rows in read_sqlite(file).items()}
    tables = read_content(file.read_bytes(), file.suffix)
    return {f"{name}: {inside}" if inside else name: table for inside, table in tables.items()}
