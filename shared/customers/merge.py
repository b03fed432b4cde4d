"""Joins four tables to one profile per customer: a full outer join on the id; the last row wins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.customers.schema import EMAIL, KEY, SOURCES

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa


@dataclass(frozen=True)
class Aligned:
    """The winning rows of every source, side by side.

    Attributes:
        ids: All customers of the shard, sorted by code point, each once.
        rows: One table per source name, one row per customer in the order of ``ids``; all missing if the source has no
            row.
        known: Per source name, whether it has a row of each customer.
        duplicates: Per source name, the number of rows that a later row of the same customer replaced.
    """

    ids: pa.Array
    rows: dict[str, pa.Table]
    known: dict[str, npt.NDArray[np.bool_]]
    duplicates: dict[str, int]


def align(tables: dict[str, pa.Table]) -> Aligned:
    """Reduce the tables of one shard (by source name, rows in file order) to one row per customer."""
    import numpy as np

    keys = [table[KEY].combine_chunks() for table in tables.values()]
    ids, codes = _customers(keys)
    parts = np.split(codes, np.cumsum([len(key) for key in keys])[:-1])
    winners = {name: _last_rows(part, len(ids)) for name, part in zip(tables, parts, strict=True)}
    known = {name: rows >= 0 for name, rows in winners.items()}
    return Aligned(
        ids=ids,
        rows={name: _rows(table, winners[name]) for name, table in tables.items()},
        known=known,
        duplicates={name: len(table) - int(known[name].sum()) for name, table in tables.items()},
    )


def merge(aligned: Aligned) -> pa.Table:
    """Return one profile per customer: the merged columns in schema order, rows in the order of the ids."""
    import pyarrow as pa
    import pyarrow.compute as pc

    rows = [aligned.rows[source.name] for source in SOURCES]
    own = {
        column.name: table[column.name]
        for source, table in zip(SOURCES, rows, strict=True)
        for column in source.profile_columns
    }
    return pa.table({KEY: aligned.ids, EMAIL: pc.coalesce(*(table[EMAIL] for table in rows)), **own})


def _customers(keys: list[pa.Array]) -> tuple[pa.Array, npt.NDArray[np.intp]]:
    """Return all ids, sorted and unique, and for each row, table after table, the position of its id."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    first = keys[0]
    if all(first.equals(key) for key in keys[1:]) and _ascending(first):  # the case of exports that are sorted by id
        return first, np.tile(np.arange(len(first)), len(keys))
    encoded = pa.concat_arrays(keys).dictionary_encode()
    order = pc.sort_indices(encoded.dictionary).to_numpy()
    places = np.empty_like(order)
    places[order] = np.arange(len(order))
    return encoded.dictionary.take(pa.array(order)), places[encoded.indices.to_numpy()]


def _ascending(ids: pa.Array) -> bool:
    import pyarrow.compute as pc

    return bool(pc.all(pc.less(ids[:-1], ids[1:])).as_py())


def _rows(table: pa.Table, winners: npt.NDArray[np.intp]) -> pa.Table:
    """Return the winning rows, all missing where there is none; the table itself if it has exactly these rows."""
    import numpy as np
    import pyarrow as pa

    if np.array_equal(winners, np.arange(len(table))):
        return table
    return table.take(pa.array(winners, mask=winners < 0))


def _last_rows(codes: npt.NDArray[np.intp], customers: int) -> npt.NDArray[np.intp]:
    """Return the position of each customer's last row, -1 without one. numpy keeps the last of repeated assignments."""
    import numpy as np

    rows = np.full(customers, -1)
    rows[codes] = np.arange(len(codes))
    return rows
