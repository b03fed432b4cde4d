"""CSV → staged Arrow files: each source parsed, checked, hashed and routed once; a shard reads only its own rows."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.customers.cells import cast_sql, key_sql, refused_sql, value_sql
from shared.customers.connection import connect
from shared.customers.rejects import Rejects, find_rejects
from shared.customers.row_digest import ROW_HASH, row_hashes, row_text_sql
from shared.customers.scan import check_count, scan_sql, surveyed
from shared.customers.schema import KEY, SOURCES
from shared.customers.sharded_file import ShardedFile
from shared.customers.sharding import shard_of, shards_of
from shared.run.urls import is_local

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb
    import pyarrow as pa

    from shared.customers.inputs import Inputs
    from shared.customers.schema import Source

BATCH_ROWS = 1 << 18  # about 40 MB of the widest source
MEMORY_LIMIT_MB = 700  # all sources together

INVALID = "Invalid Input Error"  # how DuckDB's message begins; while Arrow reads, it comes as an OSError


@dataclass(frozen=True)
class StagedSource:
    """What one source became: its staged file and the rows that did not make it."""

    source: Source
    rows: int
    batches: list[int]
    rejects: Rejects


def stage(inputs: Inputs, folder: Path, num_shards: int) -> dict[str, Any]:
    """Stage all four sources into a folder of this machine.

    Args:
        inputs: The sources.
        folder: Where to; it exists and is empty.
        num_shards: How many shards the rows are routed to.

    Returns:
        The facts: ``num_shards``, ``sources`` (by name: ``rows``, ``rejected``, ``batches``: the shard
        of each), ``rejects`` (how many), ``first_rejects`` (up to five), ``rejected_batches``.

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
            part.source.name: {"rows": part.rows, "rejected": len(part.rejects), "batches": part.batches}
            for part in staged
        },
        "rejects": len(rejects),
        "first_rejects": rejects.first(5),
        "rejected_batches": _write_rejected(rejects, num_shards, folder / "rejected.arrow"),
    }


def _parallel() -> int:
    return min(len(SOURCES), os.cpu_count() or 1)


def _stage_source(inputs: Inputs, source: Source, header: list[str], num_shards: int, folder: Path) -> StagedSource:
    import duckdb

    found = surveyed(inputs, source, header)
    with _connect(inputs, folder) as connection:
        scan = scan_sql(inputs, source, header, found)
        try:
            with ShardedFile(folder / f"{source.name}.arrow", _schema(source)) as target:
                refused = _copy(connection, source, scan, num_shards, target)
            rejects = find_rejects(connection, inputs, source, header, scan, refused)
        except (duckdb.InvalidInputException, OSError) as error:
            if INVALID not in str(error):
                raise
            raise inputs.unreadable(source, str(error).splitlines()[0]) from error
        check_count(inputs, source, found, accepted=target.rows, rejected=len(rejects))
        return StagedSource(source, target.rows, target.batches, rejects)


def _connect(inputs: Inputs, folder: Path) -> duckdb.DuckDBPyConnection:
    """One thread each: numbering the rows is sequential by nature, so the sources run side by side instead."""
    limit = f"{MEMORY_LIMIT_MB // _parallel()}MB"
    connection = connect(memory_limit=limit, temp_directory=str(folder / "spill"))
    if not is_local(inputs.url):
        connection.register_filesystem(inputs.files)
    return connection


def _copy(
    connection: duckdb.DuckDBPyConnection, source: Source, scan: str, num_shards: int, target: ShardedFile
) -> list[int]:
    """Write the good rows, hashed and routed; return the row numbers, from 1, of those with a refused cell."""
    import pyarrow as pa
    import pyarrow.compute as pc

    refused: list[int] = []
    for rows in connection.sql(_checked(source, scan)).to_arrow_reader(BATCH_ROWS):
        good, bad = rows, rows["refused"].storage.cast(pa.bool_())
        if pc.any(bad).as_py():
            refused += rows["file_row"].filter(bad).to_pylist()
            good = rows.filter(pc.invert(bad))
        cells = [good[column.name] for column in source.columns]
        hashes = row_hashes(cells[1:], good["row_md5"].storage)
        hashed = pa.RecordBatch.from_arrays([*cells, hashes], schema=target.schema)
        target.write(hashed, shards_of(good["id_md5"].storage, num_shards))
    return refused


def _checked(source: Source, scan: str) -> str:
    """A query for the values of all rows, their md5 and that of the id, and which rows are refused.

    In layers, so that each cell is cast once and put into text once, for the check and the hash.
    """
    cells, typed = source.columns[1:], [column for column in source.columns if column.kind != "text"]
    casts = ", ".join(f'{cast_sql(column)} as "cast {column.name}"' for column in typed)
    texts = ", ".join(f'"cast {column.name}"::varchar as "text {column.name}"' for column in typed)
    values = ", ".join(f'{value_sql(c, f"cast {c.name}", f"text {c.name}")} as "value {c.name}"' for c in cells)
    named = ", ".join(f'"value {column.name}" as "{column.name}"' for column in cells)
    refused = " or ".join(["id is null", *(refused_sql(column, f'"value {column.name}"') for column in typed)])
    hashed = [f'"{"value" if column.kind == "text" else "text"} {column.name}"' for column in cells]
    return (
        f"select id as {KEY}, {named}, file_row, {refused} as refused, "
        f"md5_number(id) as id_md5, md5_number({row_text_sql(hashed)}) as row_md5 "
        f"from (select *, {values} from (select *, {texts} from (select *, {key_sql(KEY)} as id, {casts} from {scan})))"
    )


def _schema(source: Source) -> pa.Schema:
    import pyarrow as pa

    types = {"text": pa.string(), "int": pa.int64(), "float": pa.float64(), "date": pa.date32()}
    return pa.schema([*((column.name, types[column.kind]) for column in source.columns), (ROW_HASH, pa.binary(16))])


def _write_rejected(rejects: Rejects, num_shards: int, path: Path) -> list[int]:
    """The readable ids of rejected rows, routed like the rest, so that a shard can count the customers they hit."""
    import numpy as np

    ids = rejects.customer_ids()
    with ShardedFile(path, ids.schema) as target:
        for batch in ids.to_batches(BATCH_ROWS):
            shards = [shard_of(customer, num_shards) for customer in batch[KEY].to_pylist()]
            target.write(batch, np.array(shards, np.uint16))
    return target.batches
