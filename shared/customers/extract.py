"""The tables of one shard, read from their own row groups of the staged files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.customers.schema import KEY, SOURCES

if TYPE_CHECKING:
    import pandas as pd

    from shared.run.store import Store


def extract(store: Store, staging: str, manifest: dict[str, Any], shard_id: int) -> dict[str, pd.DataFrame]:
    """One frame per source by name: Arrow-backed columns of the contract, rows in file order, duplicates still in.

    Args:
        store: The run's store.
        staging: The staging's folder in it.
        manifest: The staging's manifest, which tells the row groups of each shard.
        shard_id: Which shard.
    """
    sources = manifest["sources"]
    return {
        s.name: _read(store, f"{staging}/{s.name}.parquet", sources[s.name]["row_groups"], shard_id) for s in SOURCES
    }


def rejected_ids(store: Store, staging: str, manifest: dict[str, Any], shard_id: int) -> pd.Series[str]:
    """The customers of one shard that lost a row, as often as they did."""
    import pandas as pd

    row_groups = manifest["rejected_row_groups"]
    if shard_id not in row_groups:
        return pd.Series(dtype="str")
    return _read(store, f"{staging}/rejected.parquet", row_groups, shard_id)[KEY]


def _read(store: Store, name: str, row_groups: list[int], shard_id: int) -> pd.DataFrame:
    import pandas as pd
    import pyarrow.parquet as pq

    mine = [index for index, shard in enumerate(row_groups) if shard == shard_id]
    with store.open(name) as file, pq.ParquetFile(file, pre_buffer=True) as parquet:
        table = parquet.read_row_groups(mine, use_threads=False)
    frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype, split_blocks=True)
    return frame
