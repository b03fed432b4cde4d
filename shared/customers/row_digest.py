"""Keys and digests: what makes two runs comparable, whatever their engine, attempts, shards or row order.

A cell's text: a missing cell is U+0000, whole numbers are decimal, dates ISO 8601, other numbers the shortest decimal
that reads back the same, with a point or exponent (``83.0``), and text is verbatim. A row's text is its cells' texts in
schema order, the customer_id left out, joined by U+001F. Where one of them holds U+001F itself, another U+001F and the
lengths of all of them in bytes, joined by commas, are added, so that no two rows have one text.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache, reduce
from typing import TYPE_CHECKING

from shared.customers.arrow import arrow
from shared.customers.connection import connect
from shared.customers.schema import EMAIL, KEY, PROFILE_COLUMNS, SCORE_COLUMNS
from shared.run.digest import MODULUS, Digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import duckdb
    import numpy as np
    import numpy.typing as npt
    import pandas as pd
    import pyarrow as pa

    from shared.customers.merge import Aligned

ROW_HASH = "row_hash"  # the column of staged rows with the md5 of each row's text
HASH_BYTES = 16
SEPARATOR = "\x1f"
MISSING = "\x00"


def row_hash(cells: Iterable[object]) -> bytes:
    """The md5 of a row's text: cells are None, int, float, date or str. DuckDB's ``row_text_sql`` gives the same."""
    texts = [MISSING if cell is None else str(cell) for cell in cells]
    text = SEPARATOR.join(texts)
    if any(SEPARATOR in each for each in texts):
        text += SEPARATOR + ",".join(str(len(each.encode())) for each in texts)
    return hashlib.md5(text.encode(), usedforsecurity=False).digest()


def row_text_sql(texts: Iterable[str]) -> str:
    """A row's text, made of the columns or expressions of its cells' texts; none of them holds U+001F."""
    return f"concat_ws(chr(31), {', '.join(f'coalesce({text}, chr(0))' for text in texts)})"


def row_hashes(cells: Sequence[pa.Array], md5s: pa.Array) -> pa.Array:
    """The hash of each of some rows.

    Args:
        cells: The columns of the rows, in the order they are hashed in.
        md5s: The md5 of ``row_text_sql``, which is the hash of every row without U+001F in a cell; there is hardly one.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = [column for column in cells if pa.types.is_string(column.type)]
    if not any(_holds_separator(column) for column in texts):
        return md5s
    special = reduce(pc.or_, (pc.match_substring(column, SEPARATOR).fill_null(False) for column in texts))  # noqa: FBT003
    rows = zip(*(column.filter(special).to_pylist() for column in cells), strict=True)
    return pc.replace_with_mask(md5s, special, pa.array(map(row_hash, rows), md5s.type))


def finish(profiles: pd.DataFrame, aligned: Aligned) -> tuple[pa.Table, Digest]:
    """Add the idempotency key to scored profiles and digest them.

    Args:
        profiles: All columns of a profile but the key, a row per customer in the order of ``aligned.ids``.
        aligned: The winning source rows, which the key is made of: ``<customer_id>:`` and the md5 of the hashes of the
            customer's rows one after another, crm, billing, product, support, an absent row being 16 zero bytes.

    Returns:
        The profiles, ready to be written, and their digest: the sum of the hash of each, which is that of a row of what
        no source brings as it is: email, health_score, churn_risk, expansion_potential and idempotency_key.
    """
    import pyarrow as pa

    columns = {name: arrow(profiles[name]) for name in profiles.columns}
    with _database().cursor() as connection:
        connection.register("own", pa.table({name: columns[name] for name in _OWN} | {"hashes": _together(aligned)}))
        finished = connection.sql(_FINISH).to_arrow_table()
    columns["idempotency_key"] = finished["idempotency_key"].combine_chunks()
    hashes = row_hashes([columns[name] for name in _HASHED], finished["md5"].combine_chunks().storage)
    table = pa.table({column.name: columns[column.name] for column in PROFILE_COLUMNS})
    return table, Digest(len(table), _sum(hashes))


@cache
def _database() -> duckdb.DuckDBPyConnection:
    """One empty database per process: opening one costs more than hashing a small shard."""
    return connect()


def _holds_separator(column: pa.Array) -> bool:
    """Whether some text has U+001F. A look at all bytes at once costs nothing beside a look at each cell."""
    data = column.buffers()[2]
    return data is not None and re.search(SEPARATOR.encode(), data) is not None


def _together(aligned: Aligned) -> pa.Array:
    """The hashes of each customer's rows as one value of 64 bytes."""
    import numpy as np
    import pyarrow as pa

    parts = [_bytes(arrow(rows[ROW_HASH])) for rows in aligned.rows.values()]
    together = pa.py_buffer(np.hstack(parts))
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(HASH_BYTES * len(parts)), len(aligned.ids), [None, together])


def _bytes(hashes: pa.Array) -> npt.NDArray[np.uint8]:
    """Hashes as rows of 16 bytes; zeros where there is none."""
    import numpy as np

    filled = hashes.fill_null(bytes(HASH_BYTES)) if hashes.null_count else hashes
    rows = np.frombuffer(filled.buffers()[1], np.uint8).reshape(-1, HASH_BYTES)
    return rows[filled.offset : filled.offset + len(filled)]


def _sum(hashes: pa.Array) -> int:
    """The exact sum, modulo 2^128, of 16-byte little-endian numbers: word by word, for less than 2^32 rows."""
    import numpy as np

    words = _bytes(hashes).view("<u4").sum(axis=0, dtype=np.uint64)
    return sum(int(total) << (32 * place) for place, total in enumerate(words)) % MODULUS


_HASHED = (EMAIL, *(column.name for column in SCORE_COLUMNS), "idempotency_key")
_OWN = (KEY, *_HASHED[:-1])
_FINISH = (
    f"select idempotency_key, md5_number({row_text_sql(f'{name}::varchar' for name in _HASHED)}) as md5 "
    f"from (select *, {KEY} || ':' || md5(hashes) as idempotency_key from own)"
)
