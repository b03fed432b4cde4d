"""Part "large": ten million customers beside one million, in the same rounds; and the memory of all processes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tests.bench import commands
from tests.bench.engines import local
from tests.bench.measure import measure
from tests.bench.rows import Asked, Row, each, in_turn, ratios, row, walls

if TYPE_CHECKING:
    from collections.abc import Iterator


def rows(asked: Asked) -> Iterator[Row]:
    """One row; memory is looked at in a run of its own, which that makes slower."""
    commands.data("10M")
    taken = in_turn({size: partial(local, size, shards) for size, shards in (("1M", 10), ("10M", 100))}, asked.repeat)
    looked_at = measure(commands.run("local", "10M", 100), sampled=True)
    yield row(
        "large",
        "10M on local, 100 shards",
        wall_s=walls(taken["10M"]),
        cpu_s=each(taken["10M"], "cpu_s"),
        over_1M_ratio=ratios(walls(taken["10M"]), walls(taken["1M"])),
        largest_mib=looked_at.largest_mib,
        together_mib=looked_at.together_mib,
    )
