"""What the steps of a run are called, in the ledger and in the names of files."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

STAGE, AGGREGATE = "stage", "aggregate"  # the steps besides the shards'

SHARD = re.compile(r"shard-(\d{3,})")


def shard_step(shard_id: int) -> str:
    """The name of a shard's step in the ledger and of its files: ``shard-003``, ``shard-1234``."""
    return f"shard-{shard_id:03d}"


def shards_named(names: Iterable[str], num_shards: int) -> set[int]:
    """The shards of a run whose manifests have these names; other files are none of ours."""
    found = (SHARD.fullmatch(name.removesuffix(".json")) for name in names if name.endswith(".json"))
    shards = {int(match[1]) for match in found if match and shard_step(int(match[1])) == match[0]}
    return {shard for shard in shards if shard < num_shards}


def step_order(step: str) -> float:
    """Sorts the names of steps as they come in a run: the staging, the shards by their numbers, the aggregation."""
    return -1 if step == STAGE else math.inf if step == AGGREGATE else int(step.removeprefix("shard-"))
