"""Records that cannot be split into cells: where they are and why, from DuckDB's own table of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from shared.customers.lines import blank_lines, mixed_ends
from shared.customers.schema import KEY

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

    from shared.customers.inputs import Inputs
    from shared.customers.schema import Source

VALUE_LENGTH = 200  # characters kept in the rejects file

_QUOTING, _TOO_LONG = "UNQUOTED VALUE", "LINE SIZE OVER MAXIMUM"
_REASONS = {
    "MISSING COLUMNS": "too few fields",
    "TOO MANY COLUMNS": "too many fields",
    "INVALID ENCODING": "not UTF-8",
}
_CLOSED = re.compile(r'"(?:[^"]|"")*+"')
_LINE_END = re.compile(r"\r\n|\r|\n")


class BadRecord(NamedTuple):
    """What DuckDB tells of one.

    Attributes:
        kind: Its name for what is wrong.
        line: The number of the record, header = 1.
        start: Where the record begins, in bytes from 0, or the end of the line before it.
        place: Where what is wrong begins; an opening quote for broken quoting.
        record: The text from ``start``.
    """

    kind: str
    line: int
    start: int
    place: int
    record: str


def structural_errors(connection: duckdb.DuckDBPyConnection, inputs: Inputs, source: Source) -> pd.DataFrame:
    """One row per bad record, ascending: ``line``, ``column`` (empty), ``value``, ``reason`` and no id.

    Args:
        connection: Has read the source with ``store_rejects``.
        inputs: Where the source is.
        source: Which source.

    Raises:
        TerminalError: Lines end in several ways, or a quote takes the lines behind it along: nobody can tell which
            rows are lost with it.
    """
    import pandas as pd

    # DuckDB counts a blank line as a record. Of the bad one it keeps at most 10,000 bytes.
    errors: pd.DataFrame = connection.sql(
        f"""select line::bigint as line, '' as "column", null::varchar as {KEY}, error_type::varchar as kind,
        line_byte_position::bigint - 1 as start, byte_position::bigint - 1 as place, csv_line as record,
        left(trim(csv_line, chr(10) || chr(13)), {VALUE_LENGTH}) as "value"
        from reject_errors qualify row_number() over (partition by line order by column_idx) = 1 order by line"""
    ).df()
    if len(errors):
        if mixed := mixed_ends(inputs.open(source)):  # then DuckDB counts the ends of some lines twice
            raise inputs.unreadable(source, mixed)
        errors["line"] -= blank_lines(inputs.open(source), errors["start"])
    found = errors[list(BadRecord._fields)].itertuples(index=False, name=None)
    reasons = [_reason(inputs, source, BadRecord(*error)) for error in found]
    return errors.assign(reason=pd.Series(reasons, errors.index, dtype="str"))


def _reason(inputs: Inputs, source: Source, error: BadRecord) -> str:
    if error.kind not in {_QUOTING, _TOO_LONG}:
        return _REASONS.get(error.kind, error.kind.lower())
    cell = error.record.encode()[error.place - error.start :].decode(errors="replace").strip("\r\n")
    if _LINE_END.search(cell) or not cell:  # where a quote takes megabytes along, DuckDB keeps another record
        raise inputs.unreadable(
            source,
            f"the quote that opens in line {error.line} {_where_closed(cell)}, so the rows behind it are lost in "
            "its cell; close it, or write it twice where it is part of a value",
        )
    if error.kind == _TOO_LONG:
        return "line too long"
    return f"broken quoting: {'text behind a closing quote' if _CLOSED.match(cell) else 'a quote that is never closed'}"


def _where_closed(cell: str) -> str:
    """Where the quote at the start of a cell is closed, as far as the cell was kept."""
    if closed := _CLOSED.match(cell):
        return f"is closed {len(_LINE_END.findall(closed[0]))} lines further on, with text behind it"
    return "is never closed, or only far behind it"
