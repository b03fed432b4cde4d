"""Reads the tables of one shard from its batches of the staged files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.customers.schema import EMAIL, KEY, SOURCES
from shared.customers.sharded_file import read_shard

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from shared.run.pipeline import Staged


def extract(staged: Staged, shard_id: int) -> dict[str, pd.DataFrame]:
    """Return one frame per source name, rows in file order, duplicates included.

    Text with few different values is a category; all other columns have Arrow types.
    """
    sources = staged.facts["sources"]
    return {s.name: _read(staged, f"{s.name}.arrow", sources[s.name]["batches"], shard_id) for s in SOURCES}


def rejected_ids(staged: Staged, shard_id: int) -> pd.Series[str]:
    """Count the rejected rows of each customer of a shard."""
    import pandas as pd

    batches = staged.facts["rejected_batches"]
    if shard_id not in batches:
        return pd.Series(dtype="str")
    return _read(staged, "rejected.arrow", batches, shard_id)[KEY]


def _read(staged: Staged, name: str, batches: list[int], shard_id: int) -> pd.DataFrame:
    with staged.open(name) as file:
        table = read_shard(file, batches, shard_id)
    for index, field in enumerate(table.schema):
        if _repeats(field):
            table = table.set_column(index, field.name, table.column(index).combine_chunks().dictionary_encode())
    frame: pd.DataFrame = table.to_pandas(types_mapper=_dtype, split_blocks=True)
    return frame


def _repeats(field: pa.Field) -> bool:
    """Whether a column is text with few different values; pandas and Parquet store such a column as a category."""
    import pyarrow as pa

    return pa.types.is_string(field.type) and field.name not in {KEY, EMAIL}


def _dtype(arrow: pa.DataType) -> pd.ArrowDtype | None:
    import pandas as pd
    import pyarrow as pa

    return None if pa.types.is_dictionary(arrow) else pd.ArrowDtype(arrow)
