"""Records that cannot be split into cells: where they are and why, from DuckDB's own table of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shared.customers.lines import records_at
from shared.customers.schema import KEY

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

    from shared.customers.inputs import Inputs
    from shared.customers.schema import Source

VALUE_LENGTH = 200  # characters kept in the rejects file

_REASONS = {
    "MISSING COLUMNS": "too few fields",
    "TOO MANY COLUMNS": "too many fields",
    "INVALID ENCODING": "not UTF-8",
    "LINE SIZE OVER MAXIMUM": "line too long",
}
_CLOSED = re.compile(r'"(?:[^"]|"")*+"')


def structural_errors(connection: duckdb.DuckDBPyConnection, inputs: Inputs, source: Source) -> pd.DataFrame:
    """One row per bad record, ascending: ``record``, ``line``, ``column`` (empty), ``value``, ``reason`` and no id.

    Args:
        connection: Has read the source with ``store_rejects``.
        inputs: Where the source is.
        source: Which source.
    """
    # DuckDB counts a blank line as a record, and begins a record with the blank lines before it. It keeps 10,000 bytes.
    errors: pd.DataFrame = connection.sql(
        f"""select line_byte_position::bigint - 1 as start, '' as "column", null::varchar as {KEY},
        error_type::varchar as kind, byte_position::bigint - line_byte_position::bigint as place, csv_line,
        left(trim(csv_line, chr(10) || chr(13)), {VALUE_LENGTH}) as "value"
        from reject_errors order by line, column_idx"""
    ).df()
    if len(errors):
        errors["record"], errors["line"] = records_at(inputs.open(source), errors["start"].to_numpy())
    else:
        errors = errors.assign(record=errors["start"], line=errors["start"])
    errors = errors.drop_duplicates("record", ignore_index=True)
    found = errors[["kind", "place", "csv_line"]].itertuples(index=False, name=None)
    return errors.assign(reason=[_reason(*error) for error in found]).astype({"reason": "str"})


def _reason(kind: str, place: int, record: str) -> str:
    """Why a record is bad; the quote of one with broken quoting is at a place of it, in bytes from 0."""
    if kind != "UNQUOTED VALUE":
        return _REASONS.get(kind, kind.lower())
    cell = record.encode()[place:].decode(errors="replace")
    return f"broken quoting: {'text behind a closing quote' if _CLOSED.match(cell) else 'a quote that is never closed'}"
