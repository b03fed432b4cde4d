"""The names of steps, in the ledger and in file names."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

STAGE, AGGREGATE = "stage", "aggregate"  # the steps that are not shards

SHARD = re.compile(r"shard-(\d{3,})")


def shard_step(shard_id: int) -> str:
    """Return the name of a shard's step and files: ``shard-003``, ``shard-1234``."""
    return f"shard-{shard_id:03d}"


def shards_named(names: Iterable[str], num_shards: int) -> set[int]:
    """Return the shards of a run from the names of their manifests; other files are ignored."""
    found = (SHARD.fullmatch(name.removesuffix(".json")) for name in names if name.endswith(".json"))
    shards = {int(match[1]) for match in found if match and shard_step(int(match[1])) == match[0]}
    return {shard for shard in shards if shard < num_shards}


def step_order(step: str) -> float:
    """Return a sort key for names of steps: the staging, the shards by number, the aggregation."""
    return -1 if step == STAGE else math.inf if step == AGGREGATE else int(step.removeprefix("shard-"))
