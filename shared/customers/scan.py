"""How DuckDB is made to read a source: every column as text, rows numbered, and none that is broken."""

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

BUFFER = 32_000_000  # bytes that DuckDB reads at a time

_NEWLINES = {b"\n": r"\n", b"\r\n": r"\r\n", b"\r": r"\r"}


@dataclass(frozen=True)
class Part:
    """A file of a source.

    Attributes:
        file: The file.
        found: What it holds.
        good: What DuckDB reads: the file, or a copy without its broken records.
    """

    file: PlainFile
    found: Survey
    good: Path

    @property
    def rows(self) -> int:
        """How many records are not broken."""
        return self.found.records - len(self.found.broken)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of its rows; those that nothing reads have names of their own."""
        wanted = {column.name for column in self.file.source.columns}
        return tuple(name if name in wanted else f"ignored {place}" for place, name in enumerate(self.file.header))


def survey_parts(files: list[PlainFile], spill: Path, at_most: int) -> list[Part]:
    """What the files of a source hold; what nothing reads of them is logged.

    Args:
        files: All of them, in their order.
        spill: A folder for copies of those that have broken records, without these.
        at_most: How many broken records of all are kept; of the others it is only told how many records they have.

    Raises:
        TerminalError: Nobody can tell the rows of a file apart.
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
        source: Which source.
        parts: Its files, in their order.
        at_most: How many rejects of it are kept; a run that meets as many fails.
    """

    source: Source
    parts: list[Part]
    at_most: int

    @property
    def records(self) -> int:
        """How many it has, broken ones included."""
        return sum(part.found.records for part in self.parts)

    @property
    def cells(self) -> int:
        """How many are read of it."""
        return self.records * len(self.source.columns)

    @property
    def complete(self) -> bool:
        """Whether all its broken records are known."""
        return all(part.found.complete for part in self.parts)

    def groups(self) -> list[list[Part]]:
        """Parts that follow each other and are alike, so that DuckDB reads them as one table."""
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
    """Copy so many bytes, or all that are left."""
    left = count
    while left != 0 and (chunk := file.read(CHUNK if left is None else min(CHUNK, left))):
        target.write(chunk)
        left = None if left is None else left - len(chunk)


def table_sql(parts: list[Part]) -> str:
    """A query for all rows of some parts that are alike, as text, numbered in their order by ``file_row``.

    DuckDB's reader is held to what is in the files. It takes the first line end for that of all rows, even one within a
    quoted name; it lets fields too many pass when they hold its null string, the empty one unless another is named; a
    folder named ``plan=free`` would overwrite every plan; and reading a file in parallel, it loses rows, good ones too,
    at the ends of its buffers.
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
    """Refuse a source of which rows were lost, split or made up while it was read.

    Raises:
        TerminalError: Rows accepted and rejected are not as many as the records that were counted apart.
    """
    if accepted + rejected != scan.records:
        raise scan.parts[0].file.unreadable(
            f"it has {scan.records:,} records, of which {accepted:,} were read and {rejected:,} rejected; save it "
            "again as plain CSV, with quotes around each value that has quotes, commas or line breaks"
        )
