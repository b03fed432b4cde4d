"""Reads the tables of one shard from its batches of the staged files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.customers.schema import EMAIL, KEY, SOURCES
from shared.customers.sharded_file import read_shard

if TYPE_CHECKING:
    import pyarrow as pa

    from shared.run.pipeline import Staged


def extract(staged: Staged, shard_id: int) -> dict[str, pa.Table]:
    """Return one table per source name, rows in file order, duplicates included.

    Each column is one chunk. Text with few different values is a dictionary.
    """
    sources = staged.facts["sources"]
    return {s.name: _read(staged, f"{s.name}.arrow", sources[s.name]["batches"], shard_id) for s in SOURCES}


def rejected_ids(staged: Staged, shard_id: int) -> pa.Array:
    """Return the customers of a shard's rejected rows, one per row."""
    import pyarrow as pa

    batches = staged.facts["rejected_batches"]
    if shard_id not in batches:
        return pa.array([], pa.string())
    return _read(staged, "rejected.arrow", batches, shard_id)[KEY].combine_chunks()


def _read(staged: Staged, name: str, batches: list[int], shard_id: int) -> pa.Table:
    import pyarrow as pa

    with staged.open(name) as file:
        table = read_shard(file, batches, shard_id).combine_chunks()
    columns = [
        column.dictionary_encode() if _repeats(field) else column
        for field, column in zip(table.schema, table.columns, strict=True)
    ]
    return pa.table(columns, table.column_names)


def _repeats(field: pa.Field) -> bool:
    """Whether a column is text with few different values; pandas and Parquet store such a column as a category."""
    import pyarrow as pa

    return pa.types.is_string(field.type) and field.name not in {KEY, EMAIL}
