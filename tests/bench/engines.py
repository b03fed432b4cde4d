"""Part "engines": every engine beside the same merge as one DuckDB query, in polars and in pandas, in turn."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tests.bench import commands
from tests.bench.measure import Measured, measure
from tests.bench.render_costs import OUR_APP
from tests.bench.rows import Asked, Row, differences, each, in_turn, ratios, row, walls
from tests.prefect_server import ROOT, running_server
from tests.render_dev.serving import ours

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Commands = dict[str, Callable[[], Measured]]

YARDSTICKS = ("duckdb", "polars", "pandas")
NOOP = "no-op on prefect"


@dataclass(frozen=True)
class Session:
    """What runs already.

    Attributes:
        prefect: The environment of processes that run on Prefect.
        render: The same on Render.
        render_pid: The server that does the work there.
    """

    prefect: dict[str, str]
    render: dict[str, str]
    render_pid: int

    def commands(self, size: str) -> Commands:
        """All that is measured side by side."""
        yardsticks: Commands = {name: partial(yardstick, name, size) for name in YARDSTICKS}
        return yardsticks | {
            "local, 10 shards": partial(local, size, 10),
            "local, 100 shards": partial(local, size, 100),
            "prefect, 10 shards": lambda: measure(commands.run("prefect", size, 10), self.prefect),
            "render, 10 shards": lambda: measure(
                commands.run("render", size, 10), self.render, servers=[self.render_pid]
            ),
            NOOP: lambda: measure(commands.module("noop_flow", "10"), self.prefect),
        }


def rows(asked: Asked) -> Iterator[Row]:
    """All sizes."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(TemporaryDirectory()))
        prefect = stack.enter_context(running_server(home)).environment(PREFECT_LOGGING_LEVEL="ERROR")
        server = stack.enter_context(ours(OUR_APP, ROOT, "--like-cloud"))
        servers = Session(prefect, {"RENDER_LOCAL_DEV_URL": server.url}, server.pid)
        for size in asked.sizes:
            commands.data(size)
            yield from _compared(size, in_turn(servers.commands(size), asked.repeat))


def local(size: str, shards: int) -> Measured:
    """A run of engine local."""
    return measure(commands.run("local", size, shards))


def yardstick(name: str, size: str) -> Measured:
    """The same merge by a library alone."""
    out = str(commands.HOME / f"{name}.parquet")
    return measure(commands.module(f"in_{name}", str(commands.data(size)), out))


def _compared(size: str, taken: dict[str, list[Measured]]) -> Iterator[Row]:
    duckdb, ten, noop = taken["duckdb"], taken["local, 10 shards"], taken.pop(NOOP)
    more: dict[str, dict[str, list[float]]] = {
        "local, 100 shards": {"cpu_ratio": ratios(each(taken["local, 100 shards"], "cpu_s"), each(ten, "cpu_s"))},
        "prefect, 10 shards": {
            "over_local_s": differences(walls(taken["prefect, 10 shards"]), walls(ten)),
            "over_noop_s": differences(walls(taken["prefect, 10 shards"]), walls(noop)),
        },
        "render, 10 shards": {"over_local_s": differences(walls(taken["render, 10 shards"]), walls(ten))},
    }
    for name, many in taken.items():
        yield row(
            "engines",
            f"{size} on {name}",
            **{figure: each(many, figure) for figure in ("wall_s", "cpu_s", "largest_mib")},
            duckdb_ratio=ratios(walls(many), walls(duckdb)),
            duckdb_cpu_ratio=ratios(each(many, "cpu_s"), each(duckdb, "cpu_s")),
            **more.get(name, {}),
        )
