"""Part "dask": a run on Prefect with shards on two Dask workers, against threads with a process per shard."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tests.bench import commands
from tests.bench.measure import Measured, measure
from tests.bench.rows import Asked, Row, each, in_turn, ratios, row, walls
from tests.prefect_server import running_server

if TYPE_CHECKING:
    from collections.abc import Iterator

WORKERS = "2"


def rows(asked: Asked) -> Iterator[Row]:
    """Both at the largest size, 10 shards."""
    size = asked.sizes[-1]
    with TemporaryDirectory() as home, running_server(Path(home)) as server:
        environment = server.environment(PREFECT_LOGGING_LEVEL="ERROR")
        runners = {runner: partial(_run, size, runner, environment) for runner in ("threads", "dask")}
        taken = in_turn(runners, asked.repeat)
    ratio = ratios(walls(taken["dask"]), walls(taken["threads"]))
    for runner, many in taken.items():
        more = {"threads_ratio": ratio} if runner == "dask" else {}
        yield row("dask", f"{size} on Prefect, {runner}", wall_s=walls(many), cpu_s=each(many, "cpu_s"), **more)


def _run(size: str, runner: str, environment: dict[str, str]) -> Measured:
    return measure(commands.run("prefect", size, 10, "--runner", runner, "--workers", WORKERS), environment)
