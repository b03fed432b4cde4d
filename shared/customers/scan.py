"""Configures DuckDB to read a source: every column as text, rows numbered, without broken records."""

from __future__ import annotations

import glob
import logging
import secrets
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, BinaryIO

from shared.customers.broken import Layout
from shared.customers.lines import CHUNK, LONGEST_RECORD, BrokenCsvError
from shared.customers.survey import survey

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from shared.customers.plain import PlainFile
    from shared.customers.schema import Source
    from shared.customers.survey import Survey

logger = logging.getLogger("shardwise")

BUFFER = 32_000_000  # bytes that DuckDB reads at once

_NEWLINES = {b"\n": r"\n", b"\r\n": r"\r\n", b"\r": r"\r"}


@dataclass(frozen=True)
class Part:
    """One file of a source.

    Attributes:
        file: The file.
        found: The survey of the file.
        good: The path that DuckDB reads: the file, or a copy without its broken records.
    """

    file: PlainFile
    found: Survey
    good: Path

    @property
    def rows(self) -> int:
        """The number of valid records."""
        return self.found.records - len(self.found.broken)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of its rows; columns that nothing reads have generated names."""
        wanted = {column.name for column in self.file.source.columns}
        return tuple(name if name in wanted else f"ignored {place}" for place, name in enumerate(self.file.header))


def survey_parts(files: list[PlainFile], spill: Path, at_most: int) -> list[Part]:
    """Survey the files of a source; columns that nothing reads are logged.

    Args:
        files: All files, in order.
        spill: A folder for copies of files with broken records, without these records.
        at_most: The number of broken records that are kept; records beyond it are only counted.

    Raises:
        TerminalError: The rows of a file cannot be separated reliably.
    """
    parts = []
    for file in files:
        found = _surveyed(file, at_most)
        at_most -= len(found.broken)
        good = file.path
        if found.complete and len(found.broken):
            good = write_good(file.path, found.broken, spill / secrets.token_hex(16))
        parts.append(Part(file, found, good))
    return parts


def _surveyed(file: PlainFile, at_most: int) -> Survey:
    wanted = {column.name for column in file.source.columns}
    if extra := [name for name in file.header if name not in wanted]:
        logger.warning("%s: columns that nothing reads are ignored: %s", file.name, ", ".join(extra))
    layout = Layout(len(file.header), {place for place, name in enumerate(file.header) if name in wanted})
    try:
        return survey(file.path.open("rb"), layout, at_most)
    except BrokenCsvError as error:
        raise file.unreadable(str(error)) from error


@dataclass(frozen=True)
class Scan:
    """How a source is read.

    Attributes:
        source: The source.
        parts: Its files, in order.
        at_most: The number of rejects that are kept; a run with as many fails.
    """

    source: Source
    parts: list[Part]
    at_most: int

    @property
    def records(self) -> int:
        """The number of records, broken ones included."""
        return sum(part.found.records for part in self.parts)

    @property
    def cells(self) -> int:
        """The number of cells that are read."""
        return self.records * len(self.source.columns)

    @property
    def complete(self) -> bool:
        """Whether all broken records are known."""
        return all(part.found.complete for part in self.parts)

    def groups(self) -> list[list[Part]]:
        """Adjacent parts with the same columns, which DuckDB reads as one table."""
        alike = groupby(self.parts, key=lambda part: (part.names, part.found.newline, part.found.nul))
        return [list(group) for _, group in alike]


def write_good(path: Path, broken: pa.Table, copy: Path) -> Path:
    """Write a copy of a file without its broken records."""
    with path.open("rb") as file, copy.open("wb") as target:
        for start, stop in zip(broken["start"].to_pylist(), broken["stop"].to_pylist(), strict=True):
            _copy(file, target, start - file.tell())
            file.seek(stop)
        _copy(file, target)
    return copy


def _copy(file: BinaryIO, target: BinaryIO, count: int | None = None) -> None:
    """Copy a number of bytes, or all remaining bytes."""
    left = count
    while left != 0 and (chunk := file.read(CHUNK if left is None else min(CHUNK, left))):
        target.write(chunk)
        left = None if left is None else left - len(chunk)


def table_sql(parts: list[Part]) -> str:
    """A query for all rows of some parts with the same columns, as text, numbered in order by ``file_row``.

    The options prevent errors of DuckDB's reader. By default, it uses the first line end for all rows, even one within
    a quoted name; it accepts extra fields that hold its null string; a folder named ``plan=free`` overwrites every
    plan; and it loses valid rows at the ends of its buffers when it reads in parallel.
    """
    columns = ", ".join(f"'{name}': 'varchar'" for name in parts[0].names)
    paths = ", ".join("'{}'".format(glob.escape(str(part.good)).replace("'", "''")) for part in parts)
    return (
        f"(select *, row_number() over () as file_row from read_csv([{paths}], header = true, auto_detect = false, "
        f"delim = ',', quote = '\"', escape = '\"', new_line = '{_NEWLINES[parts[0].found.newline]}', "
        f"nullstr = '{secrets.token_hex(16)}', columns = {{{columns}}}, hive_partitioning = false, parallel = false, "
        f"buffer_size = {BUFFER}, max_line_size = {min(2 * LONGEST_RECORD, BUFFER)}))"
    )


def check_count(scan: Scan, accepted: int, rejected: int) -> None:
    """Refuse a source if rows were lost, split or added while it was read.

    Raises:
        TerminalError: The rows accepted and rejected do not add up to the number of records.
    """
    if accepted + rejected != scan.records:
        raise scan.parts[0].file.unreadable(
            f"it has {scan.records:,} records, of which {accepted:,} were read and {rejected:,} rejected; save it "
            "again as plain CSV, with quotes around each value that has quotes, commas or line breaks"
        )
