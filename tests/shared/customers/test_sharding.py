"""customer_id → shard: the golden vectors, which no version of the product may change."""

from __future__ import annotations

import hashlib
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from shared.customers.sharding import shard_of, shards_of

COUNTS = {
    1_000: [85, 105, 101, 81, 98, 106, 111, 109, 100, 104],
    100_000: [9921, 9974, 10082, 9937, 10056, 10036, 9891, 9983, 10057, 10063],
}


def test_the_first_ten_ids() -> None:
    """The documented ids go to the documented shards."""
    assert [shard_of(f"cust_{number:08}", 10) for number in range(10)] == [0, 9, 9, 5, 2, 6, 2, 1, 5, 6]


@pytest.mark.parametrize("customers", COUNTS)
def test_customers_per_shard(customers: int) -> None:
    """The documented numbers of customers land on each of ten shards."""
    counts = Counter(shard_of(f"cust_{number:08}", 10) for number in range(1, customers + 1))
    assert [counts[shard] for shard in range(10)] == COUNTS[customers]


@pytest.mark.parametrize("customers", COUNTS)
def test_customers_per_shard_in_staging(customers: int) -> None:
    """The function that routes the rows gives the same numbers, of a slice as of the whole."""
    md5s = pa.array(
        [hashlib.md5(f"cust_{number:08}".encode()).digest() for number in range(customers + 1)],  # noqa: S324
        pa.binary(16),
    )
    assert np.bincount(shards_of(md5s[1:], 10)).tolist() == COUNTS[customers]


def test_a_hundred_shards_refine_ten() -> None:
    """Each of ten shards is split into ten of a hundred."""
    ids = [f"cust_{number:08}" for number in range(1, 2_001)]
    assert [shard_of(customer, 100) % 10 for customer in ids] == [shard_of(customer, 10) for customer in ids]


def test_one_shard_takes_everybody() -> None:
    """With a single shard every id is on it."""
    assert {shard_of(customer, 1) for customer in ("a", "cust_00000001", "名前")} == {0}
