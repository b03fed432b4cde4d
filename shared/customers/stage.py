"""CSV → staged Parquet: each source parsed, checked and routed once, so that a shard reads only its own row groups."""

from __future__ import annotations

import glob
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from shared.customers.cells import key_sql, refused_sql, value_sql
from shared.customers.connection import connect
from shared.customers.lines import mixed_ends
from shared.customers.rejects import Rejects, find_rejects
from shared.customers.schema import EMAIL, KEY, SOURCES
from shared.customers.sharding import shard_sql
from shared.run.urls import is_local

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from shared.customers.inputs import Inputs
    from shared.customers.schema import Source

BATCH_ROWS = 1 << 18  # about 40 MB of the widest source
MEMORY_LIMIT_MB = 700  # all sources together

INVALID = "Invalid Input Error"  # how DuckDB's message begins; while Arrow reads, it comes as an OSError

logger = logging.getLogger("shardwise")


@dataclass
class ShardedParquet:
    """A Parquet file in which each row group belongs to one shard; rows of a shard keep the order they were written in.

    Attributes:
        path: The file.
        schema: Of the rows, without the shard.
        row_groups: The shard of each row group written so far.
        rows: Rows written so far.
    """

    path: Path
    schema: pa.Schema
    row_groups: list[int] = field(default_factory=list)
    rows: int = 0

    def __enter__(self) -> Self:
        import pyarrow.parquet as pq

        repeating = [name for name in self.schema.names if name not in {KEY, EMAIL}]
        self._writer = pq.ParquetWriter(
            self.path, self.schema, compression="lz4", use_dictionary=repeating, write_statistics=False
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def write(self, rows: pa.Table, shards: npt.NDArray[np.uint16]) -> None:
        """Append rows, a row group per shard. The sort is stable: file order decides which duplicate wins."""
        import numpy as np

        ordered = rows.take(np.argsort(shards, kind="stable"))
        counts = np.bincount(shards)
        starts = np.cumsum(counts) - counts
        for shard in np.flatnonzero(counts).tolist():
            part = ordered.slice(starts[shard], counts[shard])
            self._writer.write_table(part, row_group_size=len(part))
            self.row_groups.append(shard)
        self.rows += len(rows)


@dataclass(frozen=True)
class StagedSource:
    """What one source became: its Parquet file and the rows that did not make it."""

    source: Source
    rows: int
    row_groups: list[int]
    rejects: Rejects


def stage(inputs: Inputs, folder: Path, num_shards: int) -> dict[str, Any]:
    """Stage all four sources into a folder of this machine.

    Args:
        inputs: The sources.
        folder: Where to; it exists and is empty.
        num_shards: How many shards the rows are routed to.

    Returns:
        The facts: ``num_shards``, ``sources`` (by name: ``rows``, ``rejected``, ``row_groups``), ``rejects`` (how
        many), ``first_rejects`` (up to five), ``rejected_row_groups``.

    Raises:
        TerminalError: A header or a file that cannot be read at all.
    """
    headers = {source.name: inputs.header(source) for source in SOURCES}
    with ThreadPoolExecutor(_parallel()) as pool:
        tasks = [
            pool.submit(_stage_source, inputs, source, headers[source.name], num_shards, folder) for source in SOURCES
        ]
        staged = [task.result() for task in tasks]
    rejects = Rejects.concat([part.rejects for part in staged])
    rejects.write_csv(folder / "rejects.csv")
    return {
        "num_shards": num_shards,
        "sources": {
            part.source.name: {"rows": part.rows, "rejected": len(part.rejects), "row_groups": part.row_groups}
            for part in staged
        },
        "rejects": len(rejects),
        "first_rejects": rejects.first(5),
        "rejected_row_groups": _write_rejected(rejects, num_shards, folder / "rejected.parquet"),
    }


def _parallel() -> int:
    return min(len(SOURCES), os.cpu_count() or 1)


def _stage_source(inputs: Inputs, source: Source, header: list[str], num_shards: int, folder: Path) -> StagedSource:
    import duckdb

    with _connect(inputs, folder) as connection:
        scan = _scan(inputs, source, header)
        try:
            with ShardedParquet(folder / f"{source.name}.parquet", _schema(source)) as target:
                refused = _copy(connection, source, scan, num_shards, target)
            rejects = find_rejects(connection, inputs, source, header, scan, refused)
        except (duckdb.InvalidInputException, OSError) as error:
            if INVALID not in str(error):
                raise
            why = mixed_ends(inputs.open(source)) or str(error).splitlines()[0]
            raise inputs.unreadable(source, why) from error
        return StagedSource(source, target.rows, target.row_groups, rejects)


def _connect(inputs: Inputs, folder: Path) -> duckdb.DuckDBPyConnection:
    """One thread each: numbering the rows is sequential by nature, so the sources run side by side instead."""
    limit = f"{MEMORY_LIMIT_MB // _parallel()}MB"
    connection = connect(memory_limit=limit, temp_directory=str(folder / "spill"))
    if not is_local(inputs.url):
        connection.register_filesystem(inputs.files)
    return connection


def _scan(inputs: Inputs, source: Source, header: list[str]) -> str:
    """A query over all rows as text, numbered in file order.

    DuckDB lets fields too many pass when they hold its null string, which is the empty one unless another is named; and
    without ``store_rejects`` it stops reading at a row of broken quoting. Nothing of the path may become a column: a
    folder named ``plan=free`` would overwrite every plan.
    """
    wanted = {column.name for column in source.columns}
    extra = [name for name in header if name not in wanted]
    if extra:
        logger.warning("%s: columns that nothing reads are ignored: %s", source.file, ", ".join(extra))
    names = [name if name in wanted else f"ignored {position}" for position, name in enumerate(header)]
    columns = ", ".join(f"'{name}': 'varchar'" for name in names)
    path = inputs.path(source) if is_local(inputs.url) else inputs.files.unstrip_protocol(inputs.path(source))
    quoted = glob.escape(path).replace("'", "''")
    return (
        f"(select *, row_number() over () as file_row from read_csv('{quoted}', header = true, auto_detect = false, "
        f"delim = ',', quote = '\"', escape = '\"', nullstr = chr(0), columns = {{{columns}}}, "
        "hive_partitioning = false, store_rejects = true, rejects_limit = 0))"
    )


def _copy(
    connection: duckdb.DuckDBPyConnection, source: Source, scan: str, num_shards: int, target: ShardedParquet
) -> list[int]:
    """Write the good rows, routed; return the row numbers, from 1, of those with a refused cell."""
    import pyarrow as pa
    import pyarrow.compute as pc

    refused: list[int] = []
    for batch in connection.sql(_routed(source, scan, num_shards)).to_arrow_reader(BATCH_ROWS):
        table = pa.Table.from_batches([batch])
        if pc.any(table["refused"]).as_py():
            refused += table.filter(table["refused"])["file_row"].to_pylist()
            table = table.filter(pc.invert(table["refused"]))
        target.write(table.select(target.schema.names).cast(target.schema), table["shard"].to_numpy())
    return refused


def _routed(source: Source, scan: str, num_shards: int) -> str:
    cells = source.columns[1:]
    values = ", ".join(f'{value_sql(column)} as "value {column.name}"' for column in cells)
    named = ", ".join(f'"value {column.name}" as "{column.name}"' for column in cells)
    bad = [refused_sql(column, f'"value {column.name}"') for column in cells if column.kind != "text"]
    return (
        f"select id as {KEY}, {named}, {shard_sql('id', num_shards)} as shard, file_row, "
        f"{' or '.join(['id is null', *bad])} as refused "
        f"from (select *, {key_sql(KEY)} as id, {values} from {scan})"
    )


def _schema(source: Source) -> pa.Schema:
    import pyarrow as pa

    types = {"text": pa.string(), "int": pa.int64(), "float": pa.float64(), "date": pa.date32()}
    return pa.schema([(column.name, types[column.kind]) for column in source.columns])


def _write_rejected(rejects: Rejects, num_shards: int, path: Path) -> list[int]:
    """The readable ids of rejected rows, routed like the rest, so that a shard can count the customers they hit."""
    ids = rejects.customer_ids()
    with ShardedParquet(path, ids.schema) as target:
        if len(ids):
            with connect() as connection:
                connection.register("ids", ids)
                routed = connection.sql(f"select {shard_sql(KEY, num_shards)} as shard from ids").to_arrow_table()
            target.write(ids, routed["shard"].to_numpy())
    return target.row_groups
