"""An Arrow file in which each record batch belongs to one shard, so that a shard reads only its own batches."""

from __future__ import annotations

import io
import mmap
import os
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, Self

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa


@dataclass
class ShardedFile:
    """A file that is being written; rows of a shard keep their order.

    Attributes:
        path: The file's path.
        schema: The columns of the rows, without the shard.
        compressed: Whether cells are compressed, for a remote store. Otherwise a shard maps its rows into memory.
        batches: The shard of each record batch written so far.
        rows: Rows written so far.
    """

    path: Path
    schema: pa.Schema
    compressed: bool = False
    batches: list[int] = field(default_factory=list)
    rows: int = 0

    def __enter__(self) -> Self:
        import pyarrow as pa

        options = pa.ipc.IpcWriteOptions(compression="lz4" if self.compressed else None, use_threads=False)
        self._writer = pa.ipc.new_file(self.path, self.schema, options=options)
        self._flusher, self._flushes, self._file = ThreadPoolExecutor(1), list[Future[None]](), self.path.open("rb")
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()
        self._flusher.shutdown(cancel_futures=True)
        self._file.close()
        for flush in self._flushes:
            if not flush.cancelled():
                flush.result()  # the disk's error, which is raised only once

    def write(self, rows: pa.RecordBatch, shards: npt.NDArray[np.uint16]) -> None:
        """Append rows, one batch per shard. The sort is stable, because file order decides which duplicate wins."""
        import numpy as np
        import pyarrow as pa

        ordered = rows.take(pa.array(np.argsort(shards, kind="stable")))
        counts = np.bincount(shards)
        starts = np.cumsum(counts) - counts
        for shard in np.flatnonzero(counts).tolist():
            self._writer.write_batch(ordered.slice(starts[shard], counts[shard]))
            self.batches.append(shard)
        self.rows += len(rows)
        # The disk writes while the next rows are read, so that publishing has little left to wait for.
        self._flushes.append(self._flusher.submit(os.fsync, self._file.fileno()))


def read_shard(file: BinaryIO, batches: list[int], shard_id: int) -> pa.Table:
    """Return the rows of one shard in the order in which they were written.

    Args:
        file: A complete file of ``ShardedFile``.
        batches: The shard of each of its record batches.
        shard_id: The shard to read.
    """
    import pyarrow as pa

    with pa.ipc.open_file(_mapped(file)) as reader:
        mine = [reader.get_batch(index) for index, shard in enumerate(batches) if shard == shard_id]
        return pa.Table.from_batches(mine, reader.schema)


def _mapped(file: BinaryIO) -> pa.NativeFile:
    """Map a local file into memory, so that uncompressed cells are used without a copy."""
    import pyarrow as pa

    try:
        descriptor = file.fileno()
    except (AttributeError, io.UnsupportedOperation):
        return pa.PythonFile(file, "r")
    return pa.BufferReader(pa.py_buffer(mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)))
