"""Part "large": ten million customers beside one million, in the same rounds; memory of all processes, and disk."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tests.bench import commands
from tests.bench.measure import MIB, measure
from tests.bench.rows import Asked, Row, each, in_turn, ratios, row, walls
from tests.bench.servers import local

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SHARDS = {"1M": 10, "10M": 100}


def rows(asked: Asked) -> Iterator[Row]:
    """A row for each size; memory is looked at in a run of its own, which that makes slower."""
    for size in SHARDS:
        commands.data(size)
    taken = in_turn({size: partial(local, size, shards) for size, shards in SHARDS.items()}, asked.repeat)
    for size, shards in SHARDS.items():
        looked_at = measure(commands.run("local", size, shards), sampled=True)
        yield row(
            "large",
            f"{size} on local, {shards} shards",
            wall_s=walls(taken[size]),
            cpu_s=each(taken[size], "cpu_s"),
            million_ratio=ratios(walls(taken[size]), walls(taken["1M"])),
            largest_mib=looked_at.largest_mib,
            together_mib=looked_at.together_mib,
            data_mib=_mib(commands.data(size)),
            store_mib=_mib(commands.STORE),
        )


def _mib(folder: Path) -> float:
    """What the files of a folder take on the disk, each once: a published file is a second name of a committed one."""
    blocks = {(at.st_dev, at.st_ino): at.st_blocks for path in folder.rglob("*") if (at := path.stat())}
    return sum(blocks.values()) * 512 / MIB
