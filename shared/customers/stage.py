"""Stages the sources as Arrow files: parses, checks, hashes and routes each row once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from shared.customers.connection import connect
from shared.customers.plain import PlainFile
from shared.customers.reject_limit import allowed_rejects
from shared.customers.rejects import Rejects, find_rejects
from shared.customers.row_digest import ROW_HASH, row_hashes, row_text_sql
from shared.customers.scan import Scan, check_count, survey_parts, table_sql
from shared.customers.schema import KEY, SOURCES
from shared.customers.sharded_file import ShardedFile
from shared.customers.sharding import shard_of, shards_of
from shared.customers.values import cast_sql, key_refused_sql, key_sql, refused_sql, text_sql, value_sql
from shared.run.cores import cores

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb
    import pyarrow as pa

    from shared.customers.scan import Part
    from shared.customers.schema import Source
    from shared.customers.source_files import SourceFiles

BATCH_ROWS = 1 << 17  # about 20 MB of the widest source
MEMORY_LIMIT = "700MB"  # all sources together
SPARE_REJECTS = 100_000  # rejects of a source that are kept even if a run allows fewer

INVALID = "Invalid Input Error"  # the start of DuckDB's message; Arrow reports it as an OSError while it reads


@dataclass(frozen=True)
class StagedSource:
    """A source's staged file and its rejected rows."""

    source: Source
    rows: int
    batches: list[int]
    rejects: Rejects


def stage(
    inputs: SourceFiles, folder: Path, num_shards: int, max_rejects: str = "100%", *, compressed: bool = False
) -> dict[str, Any]:
    """Stage all four sources into a local folder.

    Args:
        inputs: The sources.
        folder: An existing, empty folder.
        num_shards: The number of shards.
        max_rejects: The limit of rejects; staging stops early if a source has far more.
        compressed: Whether to compress the files, for a remote store.

    Returns:
        The facts: ``num_shards``, ``sources`` (by name: ``rows``, ``rejected``, ``batches``: the shard
        of each), ``records`` (of all files), ``rejects`` (how many), ``first_rejects`` (up to five),
        ``rejected_batches``, ``complete`` (whether every source was staged completely).

    Raises:
        TerminalError: A header or a file cannot be read.
    """
    with (
        TemporaryDirectory(prefix="spill-", dir=folder) as spill,
        connect(memory_limit=MEMORY_LIMIT, temp_directory=spill) as database,
        ThreadPoolExecutor(_parallel()) as pool,
    ):
        scans = _scans(inputs, Path(spill), max_rejects, pool)
        files = [ShardedFile(folder / f"{source.name}.arrow", _schema(source), compressed) for source in SOURCES]
        staging = {
            scan.source: pool.submit(_stage_source, database, num_shards, scan, file)
            for scan, file in _longest_first(scans, files)  # so that no batch has only a few rows
        }
        staged = [staging[source].result() for source in SOURCES]
    records = sum(scan.records for scan in scans)
    rejects = Rejects.concat([part.rejects for part in staged])
    rejects.write_csv(folder / "rejects.csv")
    return {
        "num_shards": num_shards,
        "sources": {
            part.source.name: {"rows": part.rows, "rejected": len(part.rejects), "batches": part.batches}
            for part in staged
        },
        "records": records,
        "rejects": len(rejects),
        "first_rejects": rejects.first(5),
        "complete": rejects.complete,
        "rejected_batches": _write_rejected(rejects, num_shards, folder / "rejected.arrow"),
    }


def _parallel() -> int:
    return min(len(SOURCES), cores())


def _scans(inputs: SourceFiles, spill: Path, max_rejects: str, pool: ThreadPoolExecutor) -> list[Scan]:
    """Survey the sources; copies that are read in place of files are written to a folder."""
    plain = list(pool.map(partial(PlainFile.of, inputs, spill=spill), inputs.found()))
    most = sum(file.most_records for file in plain)
    survey = partial(survey_parts, spill=spill, at_most=allowed_rejects(max_rejects, most) + SPARE_REJECTS)
    parts = list(pool.map(survey, [[file for file in plain if file.source == source] for source in SOURCES]))
    at_most = allowed_rejects(max_rejects, sum(part.found.records for each in parts for part in each)) + SPARE_REJECTS
    return [Scan(source, each, at_most) for source, each in zip(SOURCES, parts, strict=True)]


def _longest_first(scans: list[Scan], files: list[ShardedFile]) -> list[tuple[Scan, ShardedFile]]:
    return sorted(zip(scans, files, strict=True), key=lambda pair: pair[0].cells, reverse=True)


def _stage_source(
    database: duckdb.DuckDBPyConnection, num_shards: int, scan: Scan, target: ShardedFile
) -> StagedSource:
    import duckdb

    if not scan.complete:  # the run fails with what is known
        return StagedSource(scan.source, 0, [], find_rejects(database, scan, refused=False))
    with database.cursor() as connection:
        try:
            with target:
                refused = _copy(connection, scan, num_shards, target)
            rejects = find_rejects(connection, scan, refused=refused > 0)
        except (duckdb.InvalidInputException, OSError) as error:
            if INVALID not in str(error):
                raise
            raise scan.parts[0].file.unreadable(str(error).splitlines()[0]) from error
    if rejects.complete:
        check_count(scan, target.rows, len(rejects))
    return StagedSource(scan.source, target.rows, target.batches, rejects)


def _copy(connection: duckdb.DuckDBPyConnection, scan: Scan, num_shards: int, target: ShardedFile) -> int:
    """Write the good rows, hashed and routed; return how many had a refused cell. Stops past ``scan.at_most``."""
    import pyarrow as pa
    import pyarrow.compute as pc

    refused = 0
    for rows in _checked_rows(connection, scan):
        good, bad = rows, rows["refused"].storage.cast(pa.bool_())
        if pc.any(bad).as_py():
            good = rows.filter(pc.invert(bad))
            refused += len(rows) - len(good)
            if refused >= scan.at_most:
                break
        cells = [good[column.name] for column in scan.source.columns]
        hashes = row_hashes(cells[1:], good["row_md5"].storage)
        hashed = pa.RecordBatch.from_arrays([*cells, hashes], schema=target.schema)
        target.write(hashed, shards_of(good["id_md5"].storage, num_shards))
    return refused


def _checked_rows(connection: duckdb.DuckDBPyConnection, scan: Scan) -> Iterator[pa.RecordBatch]:
    """Return all rows of a source, in the order of its parts."""
    for group in scan.groups():
        yield from connection.sql(_checked(scan.source, group)).to_arrow_reader(BATCH_ROWS)


def _checked(source: Source, parts: list[Part]) -> str:
    """A query for all rows of parts with the same columns: values, md5 of row and id, and whether a cell is refused.

    The query has layers, so that each cell is cast once and converted to text once.
    """
    nul = parts[0].found.nul
    cells, typed = source.columns[1:], [column for column in source.columns if column.kind != "text"]
    casts = ", ".join(f'{cast_sql(column)} as "cast {column.name}"' for column in typed)
    texts = ", ".join(f'{text_sql(column, f"cast {column.name}")} as "text {column.name}"' for column in typed)
    values = ", ".join(f'{value_sql(c, f"cast {c.name}", f"text {c.name}")} as "value {c.name}"' for c in cells)
    named = ", ".join(f'"value {column.name}" as "{column.name}"' for column in cells)
    bad = [refused_sql(c, f'"value {c.name}"', nul=nul) for c in (cells if nul else typed)]
    refused = " or ".join([key_refused_sql("id", nul=nul), *bad])
    hashed = [f'"{"value" if column.kind == "text" else "text"} {column.name}"' for column in cells]
    return (
        f"select id as {KEY}, {named}, {refused} as refused, "
        f"md5_number(id) as id_md5, md5_number({row_text_sql(hashed)}) as row_md5 "
        f"from (select *, {values} from (select *, {texts} from "
        f"(select *, {key_sql(KEY)} as id, {casts} from {table_sql(parts)})))"
    )


def _schema(source: Source) -> pa.Schema:
    import pyarrow as pa

    types = {"text": pa.string(), "int": pa.int64(), "float": pa.float64(), "date": pa.date32()}
    return pa.schema([*((column.name, types[column.kind]) for column in source.columns), (ROW_HASH, pa.binary(16))])


def _write_rejected(rejects: Rejects, num_shards: int, path: Path) -> list[int]:
    """Write the readable ids of rejected rows, routed like other rows, so that shards can count them."""
    import numpy as np

    ids = rejects.customer_ids()
    with ShardedFile(path, ids.schema) as target:
        for batch in ids.to_batches(BATCH_ROWS):
            shards = [shard_of(customer, num_shards) for customer in batch[KEY].to_pylist()]
            target.write(batch, np.array(shards, np.uint16))
    return target.batches
