"""Adds up the facts of all shards to the merge's result, checks them, and formats the summary."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import TYPE_CHECKING, Any

from shared.customers.overlap import overlap_lines, total
from shared.customers.schema import LEVELS, SOURCES
from shared.customers.sharding import shard_of
from shared.run.errors import TransientError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd
    import pyarrow as pa

    from shared.run.pipeline import Context

Facts = dict[str, Any]

BAR_WIDTH = 24  # characters of a full bar


def summarise(ids: pa.Array, scores: pd.DataFrame) -> Facts:
    """Return a shard's facts about its customers, which are sorted, and their scores: counts, and the lowest id."""
    return {
        "customers": len(ids),
        "lowest_customer_id": ids[0].as_py() if len(ids) else None,
        "health_score_sum": int(scores["health_score"].sum()),
        "churn_distribution": _distribution(scores["churn_risk"]),
        "expansion_distribution": _distribution(scores["expansion_potential"]),
    }


def add_up(shards: list[Facts], staged: Facts) -> Facts:
    """Add up the totals of the run.

    Args:
        shards: The facts of all shards, in order.
        staged: The facts of the staging.

    Raises:
        TransientError: Rows are missing, or a shard has a customer of another shard.
    """
    _check(shards, staged)
    profiles = sum(shard["customers"] for shard in shards)
    health = sum(shard["health_score_sum"] for shard in shards)
    return {
        "profiles_generated": profiles,
        "records_processed": sum(_added(shard["rows"] for shard in shards).values()),
        "statistics": {
            "avg_health_score": round(health / profiles, 2) if profiles else None,
            "churn_distribution": {level: sum(s["churn_distribution"][level] for s in shards) for level in LEVELS},
            "expansion_distribution": {
                level: sum(s["expansion_distribution"][level] for s in shards) for level in LEVELS
            },
        },
        "rejects": staged["rejects"],
        "customers_with_rejects": sum(shard["customers_with_rejects"] for shard in shards),
        "duplicates": _added(shard["duplicates"] for shard in shards),
        "unknown_values": _added(shard["unknown_values"] for shard in shards),
        "overlap": total([shard["overlap"] for shard in shards]) if all("overlap" in each for each in shards) else None,
    }


def lowest_profile(context: Context, shards: list[Facts]) -> dict[str, Any] | None:
    """Return the profile of the lowest customer_id as JSON values; None if there are no customers."""
    import pyarrow.parquet as pq

    filled = [shard for shard in shards if shard["customers"]]
    if not filled:
        return None
    first = min(filled, key=lambda shard: shard["lowest_customer_id"])
    with context.open_output(first["shard_id"]) as file, pq.ParquetFile(file) as parquet:
        row: dict[str, Any] = next(parquet.iter_batches(batch_size=1)).to_pylist()[0]
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in row.items()}


def summary_lines(result: Facts) -> dict[str, str]:
    """Return labels and texts of a result; zero values are left out.

    The order does not depend on the order of the result's keys, because the official Render server sorts them.
    """
    statistics = result["statistics"]
    rejects = f"{result['rejects']:,} rows, of {result['customers_with_rejects']:,} merged customers"
    lines = {
        "merged": f"{result['profiles_generated']:,} profiles from {result['records_processed']:,} records",
        "rejects": rejects if result["rejects"] else "",
        "duplicates": _counts(result["duplicates"]),
        "unknown": _counts(result["unknown_values"]),
        "overlap": overlap_lines(result["overlap"]) if result.get("overlap") else "",
        "health": f"{statistics['avg_health_score']} on average, of 100",
        "churn risk": _bars(statistics["churn_distribution"]),
        "expansion": _bars(statistics["expansion_distribution"]),
    }
    return {label: text for label, text in lines.items() if text}


def _check(shards: list[Facts], staged: Facts) -> None:
    for shard in filter(lambda shard: shard["customers"], shards):
        if shard_of(shard["lowest_customer_id"], len(shards)) != shard["shard_id"]:
            raise TransientError(
                f"shard {shard['shard_id']} holds {shard['lowest_customer_id']!r}, a customer of another shard"
            )
    rows = _added(shard["rows"] for shard in shards)
    for source in (source.name for source in SOURCES):
        if rows[source] != (wanted := staged["sources"][source]["rows"]):
            raise TransientError(f"the shards read {rows[source]:,} rows of {source}, but {wanted:,} were staged")


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} in {name}" for name, count in sorted(counts.items()) if count)


def _bars(distribution: dict[str, int]) -> str:
    total = sum(distribution.values()) or 1
    return "\n".join(
        f"{level:<6} {'█' * round(BAR_WIDTH * count / total):<{BAR_WIDTH}} {count / total:6.1%}  {count:,}"
        for level in LEVELS
        for count in (distribution.get(level, 0),)
    )


def _distribution(column: pd.Series[str]) -> dict[str, int]:
    import numpy as np

    counts = np.bincount(column.cat.codes, minlength=len(LEVELS))
    return dict(zip(LEVELS, counts.tolist(), strict=True))


def _added(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)
    return dict(total)
