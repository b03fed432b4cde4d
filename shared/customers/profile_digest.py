"""Computes keys and digest of profiles: with DuckDB, or with hashlib for few profiles, which is faster."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import TYPE_CHECKING

from shared.customers.connection import connect
from shared.customers.row_digest import HASH_BYTES, ROW_HASH, row_hash, row_hashes, row_text_sql
from shared.customers.schema import EMAIL, KEY, PROFILE_COLUMNS, SCORE_COLUMNS
from shared.run.digest import MODULUS, Digest

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    import numpy.typing as npt
    import pandas as pd
    import pyarrow as pa

    from shared.customers.merge import Aligned

    KeysAndHashes = tuple[pa.Array, pa.Array]  # per profile: the idempotency key and the hash of its row

FEW = 1_000  # profiles; hashlib takes 6 ms for this many, a database 5 ms, or 40 ms if the process has none yet


def finish(merged: pa.Table, scores: pd.DataFrame, aligned: Aligned) -> tuple[pa.Table, Digest]:
    """Add the scores and the idempotency key to merged profiles, and compute their digest.

    Args:
        merged: One row per customer in the order of ``aligned.ids``.
        scores: Their scores, in the same order.
        aligned: The winning source rows. The key is ``<customer_id>:`` and the md5 of the hashes of the customer's rows
            in crm, billing, product and support; a missing row counts as 16 zero bytes.

    Returns:
        The profiles, ready to be written, and their digest: the sum of their hashes. The hash of a profile covers
        email, health_score, churn_risk, expansion_potential and idempotency_key.
    """
    import pyarrow as pa

    columns = dict(zip(merged.column_names, merged.columns, strict=True))
    columns |= {name: _arrow(scores[name]) for name in scores.columns}
    own = pa.table({name: columns[name] for name in _OWN})
    hashed = by_hashlib if len(own) < FEW else by_duckdb
    columns["idempotency_key"], hashes = hashed(own, _together(aligned))
    table = pa.table({column.name: columns[column.name] for column in PROFILE_COLUMNS})
    return table, Digest(len(table), _sum(hashes))


def by_hashlib(own: pa.Table, together: pa.Array) -> KeysAndHashes:
    """Return keys and concatenated hashes of some profiles, computed one by one."""
    import pyarrow as pa

    md5s = (hashlib.md5(each, usedforsecurity=False).hexdigest() for each in together.to_pylist())
    keys = [f"{customer}:{md5}" for customer, md5 in zip(own[KEY].to_pylist(), md5s, strict=True)]
    rows = zip(*(own[name].to_pylist() for name in _OWN[1:]), keys, strict=True)
    return pa.array(keys, pa.string()), pa.array(map(row_hash, rows), pa.binary(HASH_BYTES))


def by_duckdb(own: pa.Table, together: pa.Array) -> KeysAndHashes:
    """Return the same, computed all at once."""
    with _database().cursor() as connection:
        connection.register("own", own.append_column("hashes", together))
        finished = connection.sql(_FINISH).to_arrow_table()
    keys = finished["idempotency_key"].combine_chunks()
    cells = [*(own[name].combine_chunks() for name in _OWN[1:]), keys]
    return keys, row_hashes(cells, finished["md5"].combine_chunks().storage)


@cache
def _database() -> duckdb.DuckDBPyConnection:
    """One empty database per process."""
    return connect()


def _arrow(column: pd.Series) -> pa.Array:
    """Return a column of scores as an Arrow array; a category becomes a dictionary of strings."""
    import pandas as pd
    import pyarrow as pa

    if not isinstance(column.dtype, pd.CategoricalDtype):
        return pa.array(column)
    return pa.DictionaryArray.from_arrays(
        pa.array(column.cat.codes.to_numpy()), pa.array(column.cat.categories, pa.string())
    )


def _together(aligned: Aligned) -> pa.Array:
    """Return the hashes of each customer's rows as one value of 64 bytes."""
    import numpy as np
    import pyarrow as pa

    parts = [_bytes(rows[ROW_HASH].combine_chunks()) for rows in aligned.rows.values()]
    together = pa.py_buffer(np.hstack(parts))
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(HASH_BYTES * len(parts)), len(aligned.ids), [None, together])


def _bytes(hashes: pa.Array) -> npt.NDArray[np.uint8]:
    """Return hashes as rows of 16 bytes, zeros for a missing row."""
    import numpy as np

    filled = hashes.fill_null(bytes(HASH_BYTES)) if hashes.null_count else hashes
    rows = np.frombuffer(filled.buffers()[1], np.uint8).reshape(-1, HASH_BYTES)
    return rows[filled.offset : filled.offset + len(filled)]


def _sum(hashes: pa.Array) -> int:
    """Return the exact sum, modulo 2^128, of fewer than 2^32 little-endian numbers of 16 bytes."""
    import numpy as np

    words = _bytes(hashes).view("<u4").sum(axis=0, dtype=np.uint64)
    return sum(int(total) << (32 * place) for place, total in enumerate(words)) % MODULUS


_OWN = (KEY, EMAIL, *(column.name for column in SCORE_COLUMNS))
_HASHED = (*_OWN[1:], "idempotency_key")
_FINISH = (
    f"select idempotency_key, md5_number({row_text_sql(f'{name}::varchar' for name in _HASHED)}) as md5 "
    f"from (select *, {KEY} || ':' || md5(hashes) as idempotency_key from own)"
)
