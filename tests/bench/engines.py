"""Part "engines": the merge of each size on every engine, beside one DuckDB query, polars, pandas, and each no-op."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tests.bench import commands
from tests.bench.measure import Measured, measure
from tests.bench.rows import Asked, Row, each, in_turn, ratios, row, walls
from tests.bench.servers import ENGINES, Engines, local, running_engines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

YARDSTICKS = ("duckdb", "polars", "pandas")
FEW, MANY = 10, 100  # shards


def rows(asked: Asked) -> Iterator[Row]:
    """All sizes."""
    with running_engines() as engines:
        for size in asked.sizes:
            commands.data(size)
            yield from _compared(size, in_turn(_side_by_side(engines, size), asked.repeat))


def _side_by_side(engines: Engines, size: str) -> dict[str, Callable[[], Measured]]:
    return {
        **{name: partial(_yardstick, name, size) for name in YARDSTICKS},
        **{f"local, {shards} shards": partial(local, size, shards) for shards in (FEW, MANY)},
        **{f"{engine}, {FEW} shards": partial(engines.merge, engine, size, FEW) for engine in ENGINES},
        **{f"{engine}, no-op": partial(engines.noop, engine, FEW) for engine in ENGINES},
    }


def _yardstick(name: str, size: str) -> Measured:
    """The same merge by a library alone."""
    out = str(commands.HOME / f"{name}.parquet")
    return measure(commands.module(f"in_{name}", str(commands.data(size)), out))


def _compared(size: str, taken: dict[str, list[Measured]]) -> Iterator[Row]:
    duckdb, few = taken["duckdb"], taken[f"local, {FEW} shards"]
    for name, many in taken.items():
        figures = {figure: each(many, figure) for figure in ("wall_s", "cpu_s", "largest_mib")}
        figures["duckdb_ratio"] = ratios(walls(many), walls(duckdb))
        figures["duckdb_cpu_ratio"] = ratios(each(many, "cpu_s"), each(duckdb, "cpu_s"))
        if name == f"local, {MANY} shards":
            figures["few_cpu_ratio"] = ratios(each(many, "cpu_s"), each(few, "cpu_s"))
        yield row("engines", f"{size} on {name}", **figures)
