"""Staged files: what is written is read back, shard by shard, however the file is kept."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from shared.customers.sharded_file import ShardedFile, read_shard

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = pa.schema([("customer_id", pa.string()), ("mrr", pa.int64())])


def rows(first: int, count: int) -> pa.RecordBatch:
    """Some rows, numbered; each third has no number."""
    numbers = range(first, first + count)
    cells = [[f"c{number}" for number in numbers], [None if number % 3 == 0 else number for number in numbers]]
    return pa.RecordBatch.from_arrays([pa.array(cells[0]), pa.array(cells[1], pa.int64())], schema=SCHEMA)


def write(path: Path, *, compressed: bool = False) -> ShardedFile:
    """A file of two writes over five shards, of which the last has no row."""
    with ShardedFile(path, SCHEMA, compressed) as target:
        for first in (0, 1_000):
            target.write(rows(first, 1_000), (np.arange(1_000) % 4).astype(np.uint16))
    return target


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("far_away", [False, True])
def test_each_shard_reads_its_rows_in_order(tmp_path: Path, *, compressed: bool, far_away: bool) -> None:
    """From a file of this machine, which is mapped, and from any other, compressed or not."""
    written = write(tmp_path / "staged.arrow", compressed=compressed)
    assert (written.rows, written.batches) == (2_000, [0, 1, 2, 3] * 2)
    for shard in range(5):
        with (tmp_path / "staged.arrow").open("rb") as file:
            table = read_shard(io.BytesIO(file.read()) if far_away else file, written.batches, shard)
        wanted = pa.Table.from_batches([rows(0, 1_000), rows(1_000, 1_000)])
        assert table.equals(wanted.take(np.arange(shard, 2_000, 4)) if shard < 4 else wanted.slice(0, 0))


def test_cells_are_used_where_they_lie(tmp_path: Path) -> None:
    """A shard of an uncompressed file on this machine takes no memory of its own for its cells."""
    written = write(tmp_path / "staged.arrow")
    before = pa.total_allocated_bytes()
    with (tmp_path / "staged.arrow").open("rb") as file:
        table = read_shard(file, written.batches, 0)
    assert table.nbytes > 5_000
    assert pa.total_allocated_bytes() - before < 1_000


def test_an_error_of_the_disk_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk reports an error once, to the first flush, and the staging fails."""

    def fail(_: int) -> None:
        raise OSError("the disk is broken")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="the disk is broken"):
        write(tmp_path / "staged.arrow")
