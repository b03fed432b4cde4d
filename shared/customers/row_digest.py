"""Keys and digests: what makes two runs comparable, whatever their engine, attempts, shards or row order.

A row's text is its cells in contract order joined by U+001F: a missing cell is U+0000, whole numbers are decimal, dates
ISO 8601, other numbers the shortest decimal that reads back the same, with a point or exponent (``83.0``), and text is
verbatim.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from shared.customers.connection import connect
from shared.customers.schema import EMAIL, KEY, PROFILE_COLUMNS, SCORE_COLUMNS, SOURCES
from shared.run.digest import MODULUS, Digest

if TYPE_CHECKING:
    from collections.abc import Iterable

    import duckdb
    import pandas as pd
    import pyarrow as pa

    from shared.customers.merge import Aligned


def finish(profiles: pd.DataFrame, aligned: Aligned) -> tuple[pa.Table, Digest]:
    """Add the idempotency key to scored profiles and digest them.

    Args:
        profiles: All columns of a profile but the key, a row per customer in the order of ``aligned.ids``.
        aligned: The winning source rows, which the key is made of: ``<customer_id>:`` and the md5 of their row texts in
            contract order joined by U+001E, an absent row being U+0000.

    Returns:
        The profiles, ready to be written, and their digest.
    """
    with _database().cursor() as connection:
        connection.register("wide", _wide(profiles, aligned))
        finished = connection.sql(_FINISH).to_arrow_table()
    total = _sum(finished["low"]) + (_sum(finished["high"]) << 64)
    return finished.drop_columns(["low", "high"]), Digest(len(finished), total % MODULUS)


@cache
def _database() -> duckdb.DuckDBPyConnection:
    """One empty database per process: opening one costs more than hashing a small shard."""
    return connect()


def _sum(column: pa.ChunkedArray) -> int:
    """The exact sum of 64-bit numbers: in two halves, which cannot overflow below 2^32 rows."""
    numbers = column.to_numpy()
    return int((numbers & _HALF_WORD).sum()) + (int((numbers >> 32).sum()) << 32)


def _wide(profiles: pd.DataFrame, aligned: Aligned) -> pa.Table:
    """Profiles and source rows side by side; a source's columns are named ``crm.email``, its presence ``crm``."""
    import pyarrow as pa

    columns = {name: pa.array(profiles[name]) for name in profiles.columns}
    for source, rows in aligned.rows.items():
        columns |= {f"{source}.{name}": pa.array(rows[name]) for name in rows.columns}
        columns[source] = pa.array(aligned.present[source])
    return pa.table(columns)


def _joined(cells: Iterable[str]) -> str:
    return f"concat_ws(chr(31), {', '.join(cells)})"


def _cell(name: str) -> str:
    return f'coalesce("{name}"::varchar, chr(0))'


def _finish_sql() -> str:
    """Profiles with key, and their md5 in two halves. A source's cells are put into text once, for key and digest."""
    own = {s.name: _joined(_cell(f"{s.name}.{column.name}") for column in s.profile_columns) for s in SOURCES}
    texts = ", ".join(f'{text} as "{source} text"' for source, text in own.items())
    rows = {name: _joined([_cell(f"{name}.{KEY}"), _cell(f"{name}.{EMAIL}"), f'"{name} text"']) for name in own}
    key = ", ".join(f'case when "{name}" then {row} else chr(0) end' for name, row in rows.items())
    profile = _joined(
        [
            KEY,
            _cell(EMAIL),
            *(f'"{name} text"' for name in own),
            *(_cell(c.name) for c in SCORE_COLUMNS),
            "idempotency_key",
        ]
    )
    columns = ", ".join(f'"{column.name}"' for column in PROFILE_COLUMNS)
    halves = f"({_LOW_HALF} & md5)::ubigint as low, (md5 >> 64)::ubigint as high"
    texted = f"select *, {texts} from wide"
    keyed = f"select *, {KEY} || ':' || md5(concat_ws(chr(30), {key})) as idempotency_key from ({texted})"
    return f"select {columns}, {halves} from (select *, md5_number({profile})::uhugeint as md5 from ({keyed}))"


_LOW_HALF = (1 << 64) - 1
_HALF_WORD = (1 << 32) - 1
_FINISH = _finish_sql()
