"""What the committed sample gives, whatever the engine and the number of shards: written down here alone."""

from __future__ import annotations

# A change of the sample, of the schema or of the digest's formula must be deliberate.
GOLDEN_DIGEST = "v2:1000:1abde103362de32b5c3d6cf51069026e"
SHARD_COUNTS = [85, 105, 101, 81, 98, 106, 111, 109, 100, 104]  # over ten shards
