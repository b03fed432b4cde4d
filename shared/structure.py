"""Records that cannot be split into cells: where they are and why, from DuckDB's own table of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shared.contract import KEY
from shared.errors import TerminalError
from shared.lines import blank_lines

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

    from shared.contract import Source
    from shared.inputs import Inputs

VALUE_LENGTH = 200  # characters kept in the rejects file

_QUOTING, _TOO_LONG = "UNQUOTED VALUE", "LINE SIZE OVER MAXIMUM"
_REASONS = {
    "MISSING COLUMNS": "too few fields",
    "TOO MANY COLUMNS": "too many fields",
    "INVALID ENCODING": "not UTF-8",
    _TOO_LONG: "line too long",
}
_CLOSED = re.compile(r'"(?:[^"]|"")*+"')
_LINE_END = re.compile(r"\r\n|\r|\n")


def structural_errors(connection: duckdb.DuckDBPyConnection, inputs: Inputs, source: Source) -> pd.DataFrame:
    """One row per bad record, ascending: ``line``, ``column`` (empty), ``value``, ``reason``, ``customer_id`` (missing).

    Args:
        connection: Has read the source with ``store_rejects``.
        inputs: Where the source is.
        source: Which source.

    Raises:
        TerminalError: A quote takes the lines behind it along: nobody can tell which rows are lost with it.
    """
    # DuckDB counts a blank line as a record. Of the bad one it keeps at most 10,000 bytes.
    errors: pd.DataFrame = connection.sql(
        f"""select line::bigint as line, '' as "column", null::varchar as {KEY}, error_type::varchar as kind,
        line_byte_position::bigint - 1 as start, byte_position::bigint - 1 as place, csv_line as record,
        left(trim(csv_line, chr(10) || chr(13)), {VALUE_LENGTH}) as "value"
        from reject_errors qualify row_number() over (partition by line order by column_idx) = 1 order by line"""
    ).df()
    if len(errors):
        errors["line"] -= blank_lines(inputs.open(source), errors["start"])
    reasons = errors["kind"].map(lambda kind: _REASONS.get(kind, kind.lower()))
    for error in errors[errors["kind"].isin([_QUOTING, _TOO_LONG])].itertuples():
        cell = str(error.record).encode()[error.place - error.start :].decode(errors="replace").rstrip("\r\n")
        if _LINE_END.search(cell.lstrip("\r\n")) or not cell:
            raise TerminalError(
                f"{source.file} in {inputs.url} cannot be read as CSV: the quote that opens in line {error.line} "
                f"{_where_closed(cell)}, so the rows behind it are lost in its cell; "
                "close it, or write it twice where it is part of a value"
            )
        if error.kind == _QUOTING:
            reasons[error.Index] = f"broken quoting: {_fault(cell)}"
    return errors.assign(reason=reasons)


def _fault(cell: str) -> str:
    return "text behind a closing quote" if _CLOSED.match(cell) else "a quote that is never closed"


def _where_closed(cell: str) -> str:
    """Where the quote at the start of a cell is closed, as far as the cell was kept."""
    if closed := _CLOSED.match(cell):
        return f"is closed {len(_LINE_END.findall(closed[0]))} lines further on, with text behind it"
    return "is never closed, or only far behind it"
