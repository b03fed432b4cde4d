"""Part "shards": the sample in 10, 100 and 1,000 shards on each engine, beside local and the engine's own no-op."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from shared.run.settings import MAX_SHARDS
from tests.bench import commands
from tests.bench.measure import Measured, measure
from tests.bench.rows import Asked, Row, each, in_turn, row, walls
from tests.bench.servers import ENGINES, Engines, local, running_engines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SIZE = "1K"
COUNTS = (10, 100, 1_000)
MANY = 10_000
ALLOWED = tuple(count for count in (*COUNTS, MANY) if count <= MAX_SHARDS)  # what a job may have


def rows(asked: Asked) -> Iterator[Row]:
    """Every number of shards; the most of all on local, with the memory of all its processes."""
    with running_engines() as engines:
        for shards in sorted(set(asked.shards) & set(COUNTS)):
            yield from _compared(shards, in_turn(_side_by_side(engines, shards), asked.repeat))
    if MANY in asked.shards:
        yield _many()


def _many() -> Row:
    many = measure(commands.run("local", SIZE, MANY), sampled=True)
    return row("shards", f"{MANY:,} on local", wall_s=many.wall_s, cpu_s=many.cpu_s, together_mib=many.together_mib)


def _side_by_side(engines: Engines, shards: int) -> dict[str, Callable[[], Measured]]:
    on_engines: dict[str, Callable[[], Measured]] = {}
    for engine in ENGINES:
        on_engines[engine] = partial(engines.merge, engine, SIZE, shards)
        on_engines[f"no-op on {engine}"] = partial(engines.noop, engine, shards)
    return {"local": partial(local, SIZE, shards)} | on_engines


def _compared(shards: int, taken: dict[str, list[Measured]]) -> Iterator[Row]:
    for name, many in taken.items():
        figures = {figure: each(many, figure) for figure in ("wall_s", "cpu_s")}
        if name in ENGINES:
            parts = zip(taken["local"], taken[f"no-op on {name}"], strict=True)
            sums = [(work.wall_s + noop.wall_s, work.cpu_s + noop.cpu_s) for work, noop in parts]
            figures["parts_ratio"] = [one / wall for one, (wall, _) in zip(walls(many), sums, strict=True)]
            figures["parts_cpu_ratio"] = [one.cpu_s / cpu for one, (_, cpu) in zip(many, sums, strict=True)]
        on = name if name.startswith("no-op") else f"on {name}"
        yield row("shards", f"{shards:,} {on}", **figures)
