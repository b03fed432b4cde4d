"""N shard manifests → the run's result: checks that the shards are all there, then adds them up."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import TYPE_CHECKING, Any

from shared.customers.row_digest import Digest
from shared.customers.schema import LEVELS, SOURCES
from shared.customers.sharding import shard_of
from shared.run.errors import TransientError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from shared.run.store import Store

Manifest = dict[str, Any]


def summarise(profiles: pd.DataFrame) -> Manifest:
    """What a shard's manifest says of its scored profiles: counts of fixed size, and the lowest customer_id."""
    return {
        "customers": len(profiles),
        "lowest_customer_id": profiles["customer_id"].iloc[0] if len(profiles) else None,
        "health_score_sum": int(profiles["health_score"].sum()),
        "churn_distribution": _distribution(profiles["churn_risk"]),
        "expansion_distribution": _distribution(profiles["expansion_potential"]),
    }


def tally(manifests: list[Manifest], num_shards: int, staged: Manifest) -> Manifest:
    """The run's totals.

    Args:
        manifests: One per committed shard, in any order.
        num_shards: How many there must be.
        staged: The staging's manifest.

    Returns:
        The keys of the run's result that come from its shards.

    Raises:
        TransientError: A shard is missing or twice, rows went missing, or a shard holds a customer of another.
    """
    shards = sorted(manifests, key=lambda manifest: manifest["shard_id"])
    _check(shards, num_shards, staged)
    profiles = sum(shard["customers"] for shard in shards)
    health = sum(shard["health_score_sum"] for shard in shards)
    return {
        "profiles_generated": profiles,
        "records_processed": sum(_added(shard["rows"] for shard in shards).values()),
        "shards_processed": len(shards),
        "shard_timings": [_timing(shard) for shard in shards],
        "statistics": {
            "avg_health_score": round(health / profiles, 2) if profiles else None,
            "churn_distribution": {level: sum(s["churn_distribution"][level] for s in shards) for level in LEVELS},
            "expansion_distribution": {
                level: sum(s["expansion_distribution"][level] for s in shards) for level in LEVELS
            },
        },
        "digest": str(Digest.sum(Digest.parse(shard["digest"]) for shard in shards)),
        "rejects": staged["rejects"],
        "customers_with_rejects": sum(shard["customers_with_rejects"] for shard in shards),
        "duplicates": _added(shard["duplicates"] for shard in shards),
        "unknown_values": _added(shard["unknown_values"] for shard in shards),
    }


def lowest_profile(store: Store, manifests: list[Manifest]) -> dict[str, Any] | None:
    """The profile of the lowest customer_id of all, as JSON values; None when there are no customers."""
    import pyarrow.parquet as pq

    filled = [manifest for manifest in manifests if manifest["customers"]]
    if not filled:
        return None
    first = min(filled, key=lambda manifest: manifest["lowest_customer_id"])
    with store.open(first["output"]) as file, pq.ParquetFile(file) as parquet:
        row: dict[str, Any] = next(parquet.iter_batches(batch_size=1)).to_pylist()[0]
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in row.items()}


def _check(shards: list[Manifest], num_shards: int, staged: Manifest) -> None:
    ids = [shard["shard_id"] for shard in shards]
    if ids != list(range(num_shards)):
        missing = sorted(set(range(num_shards)) - set(ids))
        raise TransientError(f"shards {missing} are not committed; run the same run_id again to finish them")
    for shard in filter(lambda shard: shard["customers"], shards):
        if shard_of(shard["lowest_customer_id"], num_shards) != shard["shard_id"]:
            raise TransientError(
                f"shard {shard['shard_id']} holds {shard['lowest_customer_id']!r}, a customer of another shard"
            )
    rows = _added(shard["rows"] for shard in shards)
    for source in (source.name for source in SOURCES):
        if rows[source] != (wanted := staged["sources"][source]["rows"]):
            raise TransientError(f"the shards read {rows[source]:,} rows of {source}, but {wanted:,} were staged")


def _distribution(column: pd.Series[str]) -> dict[str, int]:
    counts = column.value_counts()
    return {level: int(counts.get(level, 0)) for level in LEVELS}


def _added(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)
    return dict(total)


def _timing(shard: Manifest) -> Manifest:
    timing = {key: shard[key] for key in ("shard_id", "elapsed_ms", "attempt")}
    return timing | {"count": shard["customers"]}
