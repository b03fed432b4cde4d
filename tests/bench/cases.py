"""What is measured: an engine over a size of data beside the yardstick, and single processes."""

from __future__ import annotations

import shutil
import statistics
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.measure import Measured, measure

HOME = Path(".bench")
STORE = HOME / "store"
SIZES = {"1K": 1_000, "100K": 100_000, "1M": 1_000_000, "10M": 10_000_000}
SHARDWISE = str(Path(sys.executable).with_name("shardwise"))

Row = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One row of the bench.

    Attributes:
        size: A key of ``SIZES``.
        engine: Who runs it.
        shards: How many.
        environment: What the run's process gets on top of this one's environment.
    """

    size: str
    engine: str
    shards: int
    environment: dict[str, str] = field(default_factory=dict)

    def row(self, repeat: int) -> Row:
        """The run, the yardstick and, on Prefect, a no-op flow, in turn: medians, and the median of ratios."""
        commands = {"run": self._run, "duckdb": self._yardstick} | (
            {"noop": self._noop} if self.engine == "prefect" else {}
        )
        taken: dict[str, list[Measured]] = {name: [] for name in commands}
        for _ in range(repeat):
            for name, command in commands.items():
                taken[name].append(command())
        ratios = [run.wall_s / duckdb.wall_s for run, duckdb in zip(taken["run"], taken["duckdb"], strict=True)]
        row: Row = {"size": self.size, "engine": self.engine, "shards": self.shards}
        return (
            row
            | {"wall_ratio": round(statistics.median(ratios), 2)}
            | {name: median(many) for name, many in taken.items()}
        )

    def _run(self) -> Measured:
        """One run into an empty store, so that nothing is reused."""
        shutil.rmtree(STORE, ignore_errors=True)
        options = [
            "--engine",
            self.engine,
            "--shards",
            str(self.shards),
            "--data",
            str(data(self.size)),
            "--store",
            str(STORE),
        ]
        return measure([SHARDWISE, "run", "--json", *options], self.environment)

    def _yardstick(self) -> Measured:
        return measure([*_module("baseline"), str(data(self.size)), str(HOME / "baseline.parquet")])

    def _noop(self) -> Measured:
        return measure([*_module("noop_flow"), str(self.shards)], self.environment)


def data(size: str) -> Path:
    """The seeded data of a size, made once."""
    folder = HOME / "data" / size
    if not (folder / "support.csv").exists():
        customers = ["--customers", str(SIZES[size]), "--seed", "1", "--as-of", "2026-01-31"]
        measure([SHARDWISE, "generate", *customers, "--out", str(folder)])
    return folder


def single_processes(size: str) -> Row:
    """A process that stages a size, one that does a tenth of its customers, and what importing the doors costs."""
    shutil.rmtree(STORE, ignore_errors=True)
    staged = measure([*_module("one_shard"), "stage", str(data(size)), str(STORE)])
    shard = measure([*_module("one_shard"), "shard", str(data(size)), str(STORE)])
    imports = [measure([sys.executable, "-c", "import shared.work"]).wall_s for _ in range(5)]
    nothing = [measure([sys.executable, "-c", "pass"]).wall_s for _ in range(5)]
    import_s = statistics.median(imports) - statistics.median(nothing)
    return {"size": size, "stage": median([staged]), "one_shard": median([shard]), "import_work_s": round(import_s, 3)}


def median(many: list[Measured]) -> dict[str, float]:
    """Each figure's median."""
    figures = [{name: value for name, value in asdict(one).items() if not name.startswith("_")} for one in many]
    return {name: round(statistics.median(figure[name] for figure in figures), 2) for name in figures[0]}


def _module(name: str) -> list[str]:
    return [sys.executable, "-m", f"tests.bench.{name}"]
