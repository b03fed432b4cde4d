"""What the bench holds the project to: figures of its rows, each against its limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.bench.servers import ENGINES

if TYPE_CHECKING:
    from tests.bench.rows import Row


@dataclass(frozen=True)
class Promise:
    """The most a figure may be.

    Attributes:
        text: What is promised.
        part: With ``what`` and ``figure``: where it is measured.
        limit: In the figure's unit.
    """

    text: str
    part: str
    what: str
    figure: str
    limit: float

    @property
    def unit(self) -> str:
        """What its figure counts."""
        return {"ratio": "x", "s": "s", "ms": "ms", "mib": "MiB"}[self.figure.rpartition("_")[2]]


@dataclass(frozen=True)
class Outcome:
    """A promise and what was measured.

    Attributes:
        promise: The promise.
        measured: The median of the rounds, in its unit, which decides.
        spread: How far the rounds lie apart: shown, and no excuse.
    """

    promise: Promise
    measured: float
    spread: float

    @property
    def kept(self) -> bool:
        """Whether it holds."""
        return self.measured <= self.promise.limit

    def __str__(self) -> str:
        promise = self.promise
        verdict = "kept  " if self.kept else "MISSED"
        return f"{verdict} {promise.text}: {self.figure}, promised {promise.limit:g}"

    @property
    def figure(self) -> str:
        """What was measured, as text."""
        return f"{self.measured:.3g} ± {self.spread:.2g} {self.promise.unit}"


LOCAL = "1M on local, 10 shards"
PROMISES = (
    *(
        Promise(
            f"{shards} shards on {engine.title()}: CPU over local and its own no-op together",
            "shards",
            f"{shards} on {engine}",
            "parts_cpu_ratio",
            1.25,
        )
        for engine in ENGINES
        for shards in ("10", "100", "1,000")
    ),
    Promise("1,000 shards on Prefect: time over the same", "shards", "1,000 on prefect", "parts_ratio", 1.7),
    Promise("1,000 shards on Render: time over the same", "shards", "1,000 on render", "parts_ratio", 1.3),
    Promise("1,000 shards on local", "shards", "1,000 on local", "wall_s", 12),
    Promise("10,000 shards on local", "shards", "10,000 on local", "wall_s", 150),
    Promise("10,000 shards on local, all processes together", "shards", "10,000 on local", "together_mib", 1536),
    Promise("1M on local over one DuckDB query", "engines", LOCAL, "duckdb_ratio", 2.0),
    Promise("1M on local over one DuckDB query, CPU", "engines", LOCAL, "duckdb_cpu_ratio", 2.4),
    Promise("1M on local, CPU at 100 shards over 10", "engines", "1M on local, 100 shards", "few_cpu_ratio", 1.25),
    Promise("1K on local, from start to exit", "engines", "1K on local, 10 shards", "wall_s", 1),
    Promise("10M at 100 shards over 1M at 10", "large", "10M on local, 100 shards", "million_ratio", 10.5),
    Promise("10M on local, all processes together", "large", "10M on local, 100 shards", "together_mib", 1536),
    Promise("staging 1M, its process", "processes", "staging 1M", "largest_mib", 1024),
    Promise("a shard of 100K, held to 512 MiB", "processes", "one of 10 shards of 1M", "largest_mib", 400),
    Promise("import shared.run.steps over a bare Python", "processes", "imports of the steps", "over_python_s", 0.1),
    Promise("1K triggered on Render, start to result", "render", "1K triggered, 10 shards", "wall_s", 1.2),
    Promise("fan-out of 10 no-op tasks on Render", "render", "10 no-op tasks at once", "wall_s", 0.6),
    Promise("fan-out of 100 no-op tasks on Render", "render", "100 no-op tasks at once", "wall_s", 3),
    Promise("task start on Render, forked", "render", "task start, forked", "wall_ms", 30),
    Promise("task start on Render, cold process", "render", "task start, cold", "wall_ms", 350),
    Promise("Render server with 1,000 finished runs", "render", "1,000 finished runs", "rss_mib", 150),
    Promise("the same, answer to GET of one run", "render", "1,000 finished runs", "get_run_ms", 20),
    Promise("the same, answer to the list of all runs", "render", "1,000 finished runs", "list_runs_ms", 20),
    Promise("crashes in a flow of five tasks, checked", "check", "five tasks as a flow, crashes", "wall_s", 300),
    Promise("everything in a flow of five tasks, checked", "check", "five tasks as a flow", "wall_s", 900),
    Promise("the same as a pipeline", "check", "five tasks as a pipeline", "wall_s", 180),
    Promise("deployed sample over a deployed no-op flow", "deployments", "sample", "over_noop_s", 1.5),
)


def outcomes(rows: list[Row]) -> list[Outcome]:
    """Of all promises that the measured rows can tell about."""
    measured = {(row.part, row.what): row for row in rows}
    return [
        Outcome(promise, found.figures[promise.figure], found.spreads[promise.figure])
        for promise in PROMISES
        if (found := measured.get((promise.part, promise.what)))
    ]
