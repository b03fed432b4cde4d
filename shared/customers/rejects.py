"""Finds the rows that cannot be used after a source was read, and writes them to a file."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shared.customers.broken import VALUE_LENGTH
from shared.customers.lines import lines_of
from shared.customers.scan import table_sql
from shared.customers.schema import KEY
from shared.customers.values import key_reason_sql, key_refused_sql, key_sql, reason_sql, refused_sql, value_sql

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import duckdb

    from shared.customers.scan import Part, Scan
    from shared.customers.schema import Source

COLUMNS = ["source", "line", "record", "column", "value", "reason"]
BATCH_ROWS = 1 << 16

_WORDS = pa.dictionary(pa.int32(), pa.string())  # of columns with few values
_SCHEMA = pa.schema(
    {
        "source": _WORDS,
        "file": _WORDS,
        "line": pa.int64(),
        "record": pa.int64(),
        "column": _WORDS,
        "value": pa.string(),
        "reason": _WORDS,
        KEY: pa.string(),
    }
)

# What a spreadsheet reads as a formula, numbers excepted.
_FORMULA = "^[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20]"  # the last four are the first four as full-width characters
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"


@dataclass(frozen=True)
class Rejects:
    """Rejected rows, one reject per row: its leftmost bad column.

    Attributes:
        table: Columns ``source`` (its name, or the part's if it has several), ``file``, ``line`` (where the record
            begins), ``record`` (its number, header = 1), ``column``, ``value``, ``reason`` and ``customer_id`` (missing
            if it cannot be read). The order is sources as in the schema, then parts, then lines.
        complete: Whether these are all rejects; if not, there are more than the run allows.
    """

    table: pa.Table
    complete: bool

    def __len__(self) -> int:
        """The number of rejected rows."""
        return len(self.table)

    @classmethod
    def concat(cls, parts: list[Self]) -> Self:
        """Concatenate all parts in the given order."""
        return cls(pa.concat_tables([part.table for part in parts]), all(part.complete for part in parts))

    def write_csv(self, path: Path) -> Path:
        """Write the columns that people need. Only the owner can read the file, because values are personal data.

        Every text is quoted, because Python's writer does not quote a CR.
        """
        path.touch(0o600)
        with path.open("w", encoding="utf-8", newline="") as file:
            file.write(f"{','.join(COLUMNS)}\n")
            writer = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
            for batch in self.table.select(COLUMNS).to_batches(BATCH_ROWS):
                cells = [_harmless(batch[name]) if name == "value" else batch[name] for name in COLUMNS]
                writer.writerows(zip(*(column.to_pylist() for column in cells), strict=True))
        return path

    def first(self, count: int) -> list[dict[str, Any]]:
        """The first few, for a message."""
        found: list[dict[str, Any]] = self.table.drop_columns([KEY]).slice(0, count).to_pylist()
        return found

    def customer_ids(self) -> pa.Table:
        """The ids that could be read, one column, once per reject."""
        return self.table.select([KEY]).drop_null()


def _harmless(values: pa.Array) -> pa.Array:
    """Put ``'`` before values that a spreadsheet would run as a formula, and ``␀`` in place of each NUL."""
    shown = pc.replace_substring(values, "\0", "␀")
    runs = pc.and_not(pc.match_substring_regex(shown, _FORMULA), pc.match_substring_regex(shown, _NUMBER))
    return pc.if_else(runs, pc.binary_join_element_wise("'", shown, ""), shown)


def find_rejects(connection: duckdb.DuckDBPyConnection, scan: Scan, *, refused: bool) -> Rejects:
    """Find out why rows of one source were rejected, after it was read.

    Args:
        connection: A connection to any database.
        scan: How it was read.
        refused: Whether a row has a refused cell; then the source is read again.
    """
    found = [_rejects(scan, part, part.found.broken) for part in scan.parts]
    if not refused:
        return Rejects(pa.concat_tables(found), scan.complete)
    cells = _refused_cells(connection, scan)
    for number, (part, own) in enumerate(zip(scan.parts, _by_part(cells, scan), strict=True)):
        table = pa.concat_tables([found[number], _rejects(scan, part, _numbered(own, part))])
        found[number] = table.sort_by("record")
    return Rejects(pa.concat_tables(found), len(cells) < scan.at_most)


def _rejects(scan: Scan, part: Part, found: pa.Table) -> pa.Table:
    """Return all columns of rejects from some of them; a broken record has no ``column`` and no id."""
    source = scan.source.name if len(scan.parts) == 1 else part.file.name
    same = {"source": source, "file": part.file.name, "column": "", KEY: None}
    columns = {
        name: found[name] if name in found.column_names else pa.repeat(pa.scalar(same[name], pa.string()), len(found))
        for name in _SCHEMA.names
    }
    return pa.table(columns).cast(_SCHEMA)


def _refused_cells(connection: duckdb.DuckDBPyConnection, scan: Scan) -> pa.Table:
    """Return the first rows with a refused cell; ``row`` is the number, from 0, among the rows that were read."""
    tables, before = [], 0
    for group in scan.groups():
        refused = connection.sql(f"{_refused_sql(scan.source, group, before)} limit {scan.at_most}")
        tables.append(refused.to_arrow_table())
        before += sum(part.rows for part in group)
    return pa.concat_tables(tables)


def _refused_sql(source: Source, parts: list[Part], before: int) -> str:
    """A query for the refused rows of parts with the same columns, with the leftmost refused cell of each row."""
    by_name = {column.name: column for column in source.columns}
    columns, nul = [by_name[name] for name in parts[0].names if name in by_name], parts[0].found.nul
    bad = {c.name: refused_sql(c, f"({value_sql(c)})", nul=nul) for c in columns if c.name != KEY}
    named = {c.name: reason_sql(c) for c in columns if c.name != KEY}
    bad[KEY], named[KEY] = key_refused_sql(f"({key_sql(KEY)})", nul=nul), key_reason_sql(key_sql(KEY))
    order = [column.name for column in columns]
    return f"""select file_row - 1 + {before} as row, {_first(order, bad, {n: f"'{n}'" for n in order})} as "column",
        left(coalesce({_first(order, bad, {n: f'"{n}"' for n in order})}, ''), {VALUE_LENGTH}) as "value",
        {_first(order, bad, named)} as reason, {key_sql(KEY)} as {KEY}
        from {table_sql(parts)} where {" or ".join(bad.values())}"""


def _first(order: list[str], bad: dict[str, str], values: dict[str, str]) -> str:
    """A CASE that takes the value of the first bad column in an order."""
    return "case " + " ".join(f"when {bad[name]} then {values[name]}" for name in order) + " end"


def _by_part(cells: pa.Table, scan: Scan) -> Iterator[pa.Table]:
    """Split the refused rows by part; ``row`` then counts within the part."""
    rows, before = cells["row"].to_numpy(), 0
    for part in scan.parts:
        first, last = np.searchsorted(rows, [before, before + part.rows])
        own = cells.slice(first, last - first)
        yield own.set_column(own.column_names.index("row"), "row", pa.array(rows[first:last] - before))
        before += part.rows


def _numbered(cells: pa.Table, part: Part) -> pa.Table:
    """Add the numbers and lines of the records to the refused rows of a part.

    Broken records were not read. Broken record number i, with record number R, has R - 2 - i good rows before it; every
    later row moves by one.
    """
    rows, broken = cells["row"].to_numpy(), part.found.broken["record"].to_numpy()
    records = rows + 2 + np.searchsorted(broken - 2 - np.arange(len(broken)), rows, side="right")
    lines = lines_of(part.file.path.open("rb"), records) if len(records) else records
    return cells.append_column("record", pa.array(records)).append_column("line", pa.array(lines))
