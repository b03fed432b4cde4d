"""Processes one shard: extract, merge, score, write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.customers.extract import extract, rejected_ids
from shared.customers.merge import align, merge
from shared.customers.overlap import overlap
from shared.customers.profile_digest import finish
from shared.customers.schema import EMAIL, KEY
from shared.customers.score import score, scored, unknown_values
from shared.customers.summary import summarise
from shared.run.pipeline import Processed

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from shared.run.digest import Digest
    from shared.run.pipeline import Staged


def merge_shard(staged: Staged, shard_id: int, path: Path) -> Processed:
    """Write the profiles of one shard as Parquet; return counts, sums and distributions of a fixed size."""
    finished, digest, facts = _profiles(staged, shard_id)
    _write(finished, path)
    return Processed(facts, digest)


def _profiles(staged: Staged, shard_id: int) -> tuple[pa.Table, Digest, dict[str, Any]]:
    tables = extract(staged, shard_id)
    aligned = align(tables)
    merged = merge(aligned)
    known = scored(merged)
    scores = score(known)
    finished, digest = finish(merged, scores, aligned)
    return (
        finished,
        digest,
        {
            "shard_id": shard_id,
            **summarise(aligned.ids, scores),
            "rows": {name: len(table) for name, table in tables.items()},
            "duplicates": aligned.duplicates,
            "overlap": overlap(aligned.known),
            "unknown_values": unknown_values(known),
            "customers_with_rejects": _among(aligned.ids, rejected_ids(staged, shard_id)),
        },
    )


def _among(ids: pa.Array, others: pa.Array) -> int:
    """Return how many of the ids are among others."""
    import pyarrow.compute as pc

    return int(pc.sum(pc.is_in(ids, value_set=others), min_count=0).as_py())


def _write(profiles: pa.Table, path: Path) -> None:
    import pyarrow.parquet as pq

    names = profiles.column_names
    pq.write_table(
        profiles,
        path,
        use_dictionary=[name for name in names if name not in {KEY, EMAIL, "idempotency_key"}],
        compression={name: "none" if name == "idempotency_key" else "snappy" for name in names},  # hashes as hex
        store_schema=False,
    )
