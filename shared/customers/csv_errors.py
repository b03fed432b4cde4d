"""Records that cannot be split into cells: where they are and why, from DuckDB's own table of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.customers.lines import records_at
from shared.customers.schema import KEY

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from shared.customers.inputs import Inputs
    from shared.customers.scan import Scan
    from shared.customers.survey import Survey

VALUE_LENGTH = 200  # characters kept in the rejects file

BEHIND_QUOTE = "broken quoting: text behind a closing quote"
NEVER_CLOSED = "broken quoting: a quote that is never closed"
_REASONS = {
    "MISSING COLUMNS": "too few fields",
    "TOO MANY COLUMNS": "too many fields",
    "INVALID ENCODING": "not UTF-8",
    "LINE SIZE OVER MAXIMUM": "line too long",
    "UNQUOTED VALUE": BEHIND_QUOTE,
}


def structural_errors(connection: duckdb.DuckDBPyConnection, inputs: Inputs, scan: Scan) -> pa.Table:
    """One row per bad record, ascending: ``record``, ``line``, ``column`` (empty), ``value``, ``reason`` and no id.

    Args:
        connection: Has read the source with ``store_rejects``, to its end.
        inputs: Where the source is.
        scan: How it was read.
    """
    import numpy as np
    import pyarrow as pa

    # DuckDB counts a blank line as a record, and begins a record with the blank lines before it.
    errors = connection.sql(
        f"""select line_byte_position::bigint - 1 as start, error_type::varchar as kind,
        left(trim(csv_line, chr(10) || chr(13)), {VALUE_LENGTH}) as "value"
        from reject_errors order by line, column_idx"""
    ).to_arrow_table()
    if not errors:
        return _none()
    records, lines = records_at(inputs.open(scan.source.file), errors["start"].to_numpy())
    records, firsts = np.unique(np.asarray(records, np.int64), return_index=True)
    kinds = errors["kind"].take(firsts).to_pylist()
    reasons = [_reason(kind, record, scan.found) for kind, record in zip(kinds, records.tolist(), strict=True)]
    columns = {
        "record": records,
        "line": np.asarray(lines, np.int64)[firsts],
        "column": pa.array([""] * len(records), pa.string()),
        "value": errors["value"].take(firsts),
        "reason": pa.array(reasons, pa.string()),
        KEY: pa.nulls(len(records), pa.string()),
    }
    return compact(pa.table(columns)).slice(0, scan.at_most)


def _none() -> pa.Table:
    """The same without a row."""
    import pyarrow as pa

    numbers = {name: pa.nulls(0, pa.int64()) for name in ("record", "line")}
    texts = {name: pa.nulls(0, pa.string()) for name in ("column", "value", "reason", KEY)}
    return compact(pa.table(numbers | texts))


def compact(rejects: pa.Table) -> pa.Table:
    """The same, with ``column`` and ``reason``, which have few values, as dictionaries."""
    for name in ("column", "reason"):
        encoded = rejects[name].dictionary_encode()
        rejects = rejects.set_column(rejects.column_names.index(name), name, encoded)
    return rejects


def _reason(kind: str, record: int, found: Survey) -> str:
    if found.open_quote and record == found.records + 1:  # the last one
        return NEVER_CLOSED
    return _REASONS.get(kind, kind.lower())
