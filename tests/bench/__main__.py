"""Run the bench: every engine at every size beside the yardstick; print ratios, write ``.bench/bench.json``."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tests.bench.cases import HOME, SIZES, Case, Row, single_processes
from tests.bench.promises import promises
from tests.prefect_server import running_server

if TYPE_CHECKING:
    from collections.abc import Iterator

SHARDS = {"10M": [100]}


def main() -> None:
    """Measure what the options ask for."""
    options = _options()
    HOME.mkdir(exist_ok=True)
    with _environment(options.engines) as environment:
        cases = [
            Case(size, engine, shards, environment)
            for size in options.sizes
            for engine in options.engines
            for shards in SHARDS.get(size, [10, 100])
        ]
        rows = [_told(case.row(options.repeat)) for case in cases]
    processes = single_processes("1M") if "1M" in options.sizes else None
    kept = promises(rows, processes)
    sys.stdout.write("\n".join(map(str, kept)) + "\n")
    machine = {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
    told = {"machine": machine, "rows": rows, "processes": processes, "promises": [vars(promise) for promise in kept]}
    (HOME / "bench.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--sizes", nargs="*", choices=SIZES, default=["1K", "100K", "1M"])
    parser.add_argument("--engines", nargs="*", choices=["local", "prefect"], default=["local", "prefect"])
    parser.add_argument("--repeat", type=int, default=3, help="times each row is measured; medians are told")
    return parser.parse_args()


@contextmanager
def _environment(engines: list[str]) -> Iterator[dict[str, str]]:
    """What runs on Prefect need: a server that is there already."""
    if "prefect" not in engines:
        yield {}
        return
    with TemporaryDirectory() as home, running_server(Path(home)) as server:
        yield server.environment(PREFECT_LOGGING_LEVEL="ERROR")


def _told(row: Row) -> Row:
    """Print a row as soon as it is there."""
    run, noop = row["run"], row.get("noop")
    sys.stdout.write(
        f"{row['size']:>4} {row['engine']:<8} {row['shards']:>3} shards {run['wall_s']:7.2f} s "
        f"= {row['wall_ratio']:5.2f} x DuckDB's {row['duckdb']['wall_s']:.2f} s, cpu {run['cpu_s']:6.2f} s, "
        f"largest process {run['largest_mib']:.0f} MiB, together {run['together_mib']:.0f} MiB"
        + (f", no-op flow {noop['wall_s']:.2f} s" if noop else "")
        + "\n"
    )
    sys.stdout.flush()
    return row


if __name__ == "__main__":
    main()
