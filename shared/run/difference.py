"""Where two runs differ: shards, then the first customers and fields."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from shared.customers.schema import KEY

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from shared.run.run import Run

ABSENT = "no profile"


@dataclass(frozen=True)
class Difference:
    """One field of one customer on which two runs disagree.

    Attributes:
        customer_id: Whose profile.
        field: The profile's column; ``customer_id`` when one side has no profile of the customer at all.
        left: The value of the first run.
        right: The value of the second run.
    """

    customer_id: str
    field: str
    left: Any
    right: Any


def differing_shards(left: Run, right: Run) -> list[int]:
    """The shards whose digests differ, ascending; both runs have the same number of shards, all committed."""
    return [shard for shard in range(left.job.num_shards) if _digest(left, shard) != _digest(right, shard)]


def first_differences(left: Run, right: Run, limit: int) -> list[Difference]:
    """The first differences by shard, then customer, then column; the key that follows from the others is left out."""
    found = (found for shard in differing_shards(left, right) for found in differences_in(left, right, shard))
    return list(islice(found, limit))


def differences_in(left: Run, right: Run, shard: int) -> Iterator[Difference]:
    """The differences of one shard, by customer, then column; neither side has a customer twice."""
    here, there = _profiles(left, shard), _profiles(right, shard)
    both = here.index.intersection(there.index)
    one, other = here.loc[both], there.loc[both]
    unequal = (one != other).fillna(value=False) | (one.isna() != other.isna())
    customers = here.index.symmetric_difference(there.index).union(both[unequal.any(axis="columns")])
    for customer in customers:  # few: only those that differ
        if customer not in both:
            sides = (ABSENT if customer not in side.index else "a profile" for side in (here, there))
            yield Difference(str(customer), KEY, *sides)
            continue
        for field in unequal.columns[unequal.loc[customer].to_numpy(dtype=bool)]:
            yield Difference(str(customer), field, one.loc[customer, field], other.loc[customer, field])


def _digest(run: Run, shard: int) -> str | None:
    manifest = run.manifest(shard)
    return manifest["digest"] if manifest else None


def _profiles(run: Run, shard: int) -> pd.DataFrame:
    import pandas as pd
    import pyarrow.parquet as pq

    with run.store.open(run.profiles_name(shard)) as file, pq.ParquetFile(file) as parquet:
        profiles: pd.DataFrame = parquet.read().to_pandas(types_mapper=pd.ArrowDtype)
    return profiles.drop(columns="idempotency_key").set_index(KEY)
