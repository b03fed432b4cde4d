"""Part "engines": every engine at every size, beside one DuckDB query and a Prefect flow that does nothing."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tests.bench import commands
from tests.bench.measure import Measured, measure
from tests.bench.render_costs import OUR_APP
from tests.bench.rows import Asked, Row, in_turn, median_over, median_ratio, medians, row, walls
from tests.prefect_server import ROOT, running_server
from tests.render_dev.serving import ours

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SHARDS = {"10M": [100]}
ALONE = {"10M"}  # sizes at which engine local is all that is measured


@dataclass(frozen=True)
class Case:
    """What is measured side by side.

    Attributes:
        size: A key of ``SIZES``.
        shards: How many.
        prefect: The environment of processes that run on Prefect.
        render: The same on Render.
        render_pid: The server that does the work there.
    """

    size: str
    shards: int
    prefect: dict[str, str]
    render: dict[str, str]
    render_pid: int

    def rows(self, rounds: int) -> list[Row]:
        """A row for each engine."""
        taken = in_turn(self._commands(), rounds)
        duckdb, local = walls(taken["duckdb"]), walls(taken["local"])
        found = []
        for engine in [name for name in taken if name not in {"duckdb", "noop"}]:
            own = walls(taken[engine])
            more = {"duckdb_s": medians(one.figures() for one in taken["duckdb"])["wall_s"]}
            more["duckdb_ratio"] = median_ratio(own, duckdb)
            if engine == "prefect":
                noop = walls(taken["noop"])
                more["over_noop_s"] = median_over(own, noop)
                more["over_local_noop_s"] = median_over(own, local, noop)
            if engine == "render":
                more["over_local_s"] = median_over(own, local)
            figures = medians(one.figures() for one in taken[engine])
            found.append(row("engines", what(self.size, engine, self.shards), **figures, **more))
        return found

    def _commands(self) -> dict[str, Callable[[], Measured]]:
        every: dict[str, Callable[[], Measured]] = {
            "duckdb": self._yardstick,
            "local": partial(self._run, "local", {}),
            "prefect": partial(self._run, "prefect", self.prefect),
            "noop": lambda: measure(commands.module("noop_flow", str(self.shards)), self.prefect),
            "render": partial(self._run, "render", self.render, self.render_pid),
        }
        chosen = {"duckdb", "local"} if self.size in ALONE else set(every)
        return {name: command for name, command in every.items() if name in chosen}

    def _run(self, engine: str, environment: dict[str, str], *servers: int) -> Measured:
        return measure(commands.run(engine, self.size, self.shards), environment, servers=servers)

    def _yardstick(self) -> Measured:
        out = str(commands.HOME / "baseline.parquet")
        return measure(commands.module("baseline", str(commands.data(self.size)), out))


def what(size: str, engine: str, shards: int) -> str:
    """What a row is about."""
    return f"{size} on {engine}, {shards} shards"


def rows(asked: Asked) -> Iterator[Row]:
    """All engines at all sizes, on servers that run already."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(TemporaryDirectory()))
        prefect = stack.enter_context(running_server(home)).environment(PREFECT_LOGGING_LEVEL="ERROR")
        server = stack.enter_context(ours(OUR_APP, ROOT, "--like-cloud"))
        case = Case("1K", 10, prefect, {"RENDER_LOCAL_DEV_URL": server.url}, server.pid)
        for size in asked.sizes:
            found: list[Row] = []
            for shards in SHARDS.get(size, [10, 100]):
                new = replace(case, size=size, shards=shards).rows(asked.repeat)
                yield from new
                found += new
            yield from _cpu_ratios(size, found)


def _cpu_ratios(size: str, found: list[Row]) -> Iterator[Row]:
    cpu = {each.what: each.figures["cpu_s"] for each in found}
    ten, hundred = (cpu.get(what(size, "local", shards)) for shards in (10, 100))
    if ten and hundred:
        yield row("engines", f"{size} on local, CPU at 100 shards over CPU at 10", cpu_ratio=hundred / ten)
