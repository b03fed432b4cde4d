"""Rows that cannot be used: which and why, found when a source was read, and the file that lists them."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from shared.customers.cells import key_reason_sql, key_refused_sql, key_sql, reason_sql, refused_sql, value_sql
from shared.customers.csv_errors import VALUE_LENGTH, compact, structural_errors
from shared.customers.lines import lines_of
from shared.customers.schema import KEY

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb
    import pyarrow as pa

    from shared.customers.inputs import Inputs
    from shared.customers.lines import Positions
    from shared.customers.scan import Scan

COLUMNS = ["source", "line", "record", "column", "value", "reason"]
BATCH_ROWS = 1 << 16

# What a spreadsheet takes for a formula, a number excepted.
_FORMULA = "^[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20]"  # the last four are the first four in full width
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"


@dataclass(frozen=True)
class Rejects:
    """Rejected rows, at most one reject a row: its leftmost bad column.

    Attributes:
        table: Columns ``source``, ``line`` (of the file, in which the record begins), ``record`` (its number, header =
            1), ``column``, ``value``, ``reason`` and ``customer_id`` (missing where none can be read); sources in the
            schema's order, lines ascending.
        complete: Whether these are all; else there are more than the run allows anyway.
    """

    table: pa.Table
    complete: bool

    def __len__(self) -> int:
        """How many rows were rejected."""
        return len(self.table)

    @classmethod
    def concat(cls, parts: list[Self]) -> Self:
        """All parts, in the order given."""
        import pyarrow as pa

        return cls(pa.concat_tables([part.table for part in parts]), all(part.complete for part in parts))

    def write_csv(self, path: Path) -> Path:
        """Write the columns a person needs, readable by the owner alone: values are personal data.

        Every text is quoted: Python's writer leaves a CR without quotes.
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
        found: list[dict[str, Any]] = self.table.select(COLUMNS).slice(0, count).to_pylist()
        return found

    def customer_ids(self) -> pa.Table:
        """The ids that could be read, one column, as often as they were rejected."""
        return self.table.select([KEY]).drop_null()


def _harmless(values: pa.Array) -> pa.Array:
    """Values with ``'`` before one that a spreadsheet would run as a formula, and ``␀`` for each NUL."""
    import pyarrow.compute as pc

    shown = pc.replace_substring(values, "\0", "␀")
    runs = pc.and_not(pc.match_substring_regex(shown, _FORMULA), pc.match_substring_regex(shown, _NUMBER))
    return pc.if_else(runs, pc.binary_join_element_wise("'", shown, ""), shown)


def find_rejects(connection: duckdb.DuckDBPyConnection, inputs: Inputs, scan: Scan, *, refused: bool) -> Rejects:
    """Tell why rows of one source were rejected, after it was read.

    Args:
        connection: Has read it with ``store_rejects``, to its end unless rows were refused.
        inputs: Where it is.
        scan: How it was read.
        refused: Whether there is a row with a refused cell; then the source is read again.
    """
    cells = None
    if refused:
        connection = connection.cursor()  # has a table of structural errors of its own
        cells = _refused_cells(connection, scan)
    errors = structural_errors(connection, inputs, scan)
    complete = len(errors) < scan.at_most
    parts = [errors]
    if cells is not None:
        numbered = _numbered(cells, inputs, scan, errors["record"].to_numpy(), complete=complete)
        complete = complete and len(cells) < scan.at_most
        parts.append(numbered)
    return Rejects(_joined(scan, parts), complete)


def _joined(scan: Scan, parts: list[pa.Table]) -> pa.Table:
    """All parts in the order of the file, with all columns."""
    import pyarrow as pa

    table = pa.concat_tables([part.select([*COLUMNS[1:], KEY]) for part in parts])
    if not table:  # without pandas, which Arrow imports to repeat a Python value
        return table.add_column(0, "source", pa.nulls(0, pa.dictionary(pa.int32(), pa.string())))
    if all(len(part) for part in parts):
        table = table.sort_by("record")
    source = pa.repeat(scan.source.name, len(table)).dictionary_encode()
    return table.add_column(0, "source", source)


def _refused_cells(connection: duckdb.DuckDBPyConnection, scan: Scan) -> pa.Table:
    """One row per record with a refused cell; ``record`` is still its number among those that were read.

    The source is read to its end, though no more than the first are kept: else DuckDB tells no structural errors.
    """
    import numpy as np
    import pyarrow as pa

    with connection.sql(_refused_sql(scan)).to_arrow_reader(BATCH_ROWS) as reader:
        kept, count = [compact(reader.schema.empty_table().drop_columns(["cells"]))], 0
        for batch in reader:
            cells = pa.Table.from_batches([batch.slice(0, scan.at_most - count)]).drop_columns(["cells"])
            count += len(cells)
            # A copy: any column of DuckDB's own batch would keep all its columns in memory, the cells too.
            kept.append(compact(cells.take(np.arange(len(cells)))))
    return pa.concat_tables(kept)


def _refused_sql(scan: Scan) -> str:
    """A query for the refused rows, each with the leftmost cell that is refused."""
    by_name = {column.name: column for column in scan.source.columns}
    columns = [by_name[name] for name in scan.header if name in by_name]
    bad = {c.name: refused_sql(c, f"({value_sql(c)})", nul=scan.found.nul) for c in columns if c.name != KEY}
    named = {c.name: reason_sql(c) for c in columns if c.name != KEY}
    bad[KEY], named[KEY] = key_refused_sql(f"({key_sql(KEY)})", nul=scan.found.nul), key_reason_sql(key_sql(KEY))
    order = [column.name for column in columns]
    return f"""select file_row as record, {_first(order, bad, {n: f"'{n}'" for n in order})} as "column",
        left(coalesce({_first(order, bad, {n: f'"{n}"' for n in order})}, ''), {VALUE_LENGTH}) as "value",
        {_first(order, bad, named)} as reason, {key_sql(KEY)} as {KEY}, {_every_cell(scan)} as cells
        from {scan.sql} where {" or ".join(bad.values())}"""


def _every_cell(scan: Scan) -> str:
    """Has DuckDB read the cells that staging read: it numbers a row that is not UTF-8 when it skips the bad cell."""
    names = ", ".join(f'"{column.name}"' for column in scan.source.columns)
    return f"row({names})"


def _first(order: list[str], bad: dict[str, str], values: dict[str, str]) -> str:
    """A CASE that takes the value of the first column, in an order, that is bad."""
    return "case " + " ".join(f"when {bad[name]} then {values[name]}" for name in order) + " end"


def _numbered(cells: pa.Table, inputs: Inputs, scan: Scan, bad: Positions, *, complete: bool) -> pa.Table:
    """The refused rows with the numbers and lines of their records.

    Args:
        cells: The rows, ``record`` being their number, from 1, among those that were read.
        inputs: Where the source is.
        scan: How it was read.
        bad: The numbers of the records with structural errors, which were not counted, ascending. The i-th of them, R,
            has R - 2 - i good rows before it, and so moves every row behind those.
        complete: Whether these are all; else rows behind the last cannot be numbered, and are left out.
    """
    import numpy as np
    import pyarrow as pa

    rows = cells["record"].to_numpy()
    good_before = bad - 2 - np.arange(len(bad))
    records = rows + 1 + np.searchsorted(good_before, rows - 1, side="right")
    known = len(records) if complete else int(np.searchsorted(records, bad[-1]))
    records = records[:known]
    lines = lines_of(inputs.open(scan.source.file), records)
    cells = cells.slice(0, known).drop_columns(["record"])
    return cells.append_column("record", pa.array(records)).append_column("line", pa.array(lines))
