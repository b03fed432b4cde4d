"""Assigns customers to shards by their id, so that all rows of a customer are in the same shard."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa


def shard_of(customer_id: str, num_shards: int) -> int:
    """Return the shard, from 0, of a trimmed id: the first four bytes of its md5, big-endian, modulo ``num_shards``."""
    digest = hashlib.md5(customer_id.encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest[:4], "big") % num_shards


def shards_of(md5s: pa.FixedSizeBinaryArray, num_shards: int) -> npt.NDArray[np.uint16]:
    """Return the shards of many ids, given the 16 bytes of the md5 of each."""
    import numpy as np

    words = np.frombuffer(md5s.buffers()[1], ">u4").reshape(-1, 4)
    return (words[md5s.offset : md5s.offset + len(md5s), 0] % num_shards).astype(np.uint16)
