"""What the bench holds the project to: ratios and sizes, each against its limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.bench.cases import Row


@dataclass(frozen=True)
class Promise:
    """A figure and the most it may be."""

    name: str
    measured: float
    limit: float

    def __str__(self) -> str:
        kept = "kept  " if self.measured <= self.limit else "BROKEN"
        return f"{kept} {self.name}: {self.measured:.2f}, at most {self.limit:g}"


def promises(rows: list[Row], processes: Row | None) -> list[Promise]:
    """All promises that the measured rows can tell about."""
    by_case = {(row["size"], row["engine"], row["shards"]): row for row in rows}
    found = []
    if ten := by_case.get(("1M", "local", 10)):
        found.append(Promise("1M on local, 10 shards, wall over one DuckDB query", ten["wall_ratio"], 4))
        if hundred := by_case.get(("1M", "local", 100)):
            ratio = hundred["run"]["cpu_s"] / ten["run"]["cpu_s"]
            found.append(Promise("1M on local, CPU at 100 shards over CPU at 10", ratio, 1.5))
        if on_prefect := by_case.get(("1M", "prefect", 10)):
            more = on_prefect["run"]["wall_s"] - ten["run"]["wall_s"] - on_prefect["noop"]["wall_s"]
            found.append(Promise("1M on Prefect, seconds over local and a no-op flow", more, 1.5))
    if small := by_case.get(("1K", "prefect", 10)):
        more = small["run"]["wall_s"] - small["noop"]["wall_s"]
        found.append(Promise("1K on Prefect, seconds over a no-op flow", more, 0.5))
    if large := by_case.get(("10M", "local", 100)):
        found.append(Promise("10M on local, all processes together, GiB", large["run"]["together_mib"] / 1024, 4))
    return found + (_of_processes(processes) if processes else [])


def _of_processes(row: Row) -> list[Promise]:
    return [
        Promise("one shard of 100K, its process, MiB", row["one_shard"]["largest_mib"], 450),
        Promise("staging 1M, its process, MiB", row["stage"]["largest_mib"], 1024),
        Promise("import shared.work, seconds", row["import_work_s"], 0.1),
    ]
