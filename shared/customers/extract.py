"""The tables of one shard, read from their own row groups of the staged files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.customers.schema import KEY, SOURCES

if TYPE_CHECKING:
    import pandas as pd

    from shared.run.pipeline import Staged


def extract(staged: Staged, shard_id: int) -> dict[str, pd.DataFrame]:
    """One frame per source by name: Arrow-backed columns of the schema, rows in file order, duplicates still in."""
    sources = staged.facts["sources"]
    return {s.name: _read(staged, f"{s.name}.parquet", sources[s.name]["row_groups"], shard_id) for s in SOURCES}


def rejected_ids(staged: Staged, shard_id: int) -> pd.Series[str]:
    """The customers of one shard that lost a row, as often as they did."""
    import pandas as pd

    row_groups = staged.facts["rejected_row_groups"]
    if shard_id not in row_groups:
        return pd.Series(dtype="str")
    return _read(staged, "rejected.parquet", row_groups, shard_id)[KEY]


def _read(staged: Staged, name: str, row_groups: list[int], shard_id: int) -> pd.DataFrame:
    import pandas as pd
    import pyarrow.parquet as pq

    mine = [index for index, shard in enumerate(row_groups) if shard == shard_id]
    with staged.open(name) as file, pq.ParquetFile(file, pre_buffer=True) as parquet:
        table = parquet.read_row_groups(mine, use_threads=False)
    frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype, split_blocks=True)
    return frame
