"""customer_id → shard. Every row of a customer carries the same id, so all of them land on the same shard."""

from __future__ import annotations

import hashlib


def shard_of(customer_id: str, num_shards: int) -> int:
    """The shard, 0-based, of one trimmed id: the first four bytes of its md5, big-endian, modulo ``num_shards``."""
    digest = hashlib.md5(customer_id.encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest[:4], "big") % num_shards


def shard_sql(expression: str, num_shards: int) -> str:
    """The same as a DuckDB expression over a column of ids: a USMALLINT per row."""
    return f"(('0x' || left(md5({expression}), 8))::uint32 % {num_shards})::usmallint"
