"""Run the bench: print a row for each thing measured, then each promise, kept or missed; write ``.bench/bench.json``.

Exit status 1 when the median of a promise's rounds is beyond its limit.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from tests.bench import checks, deployments, engines, large, processes, render_costs, shards, tracing
from tests.bench.commands import HOME, SIZES
from tests.bench.promises import Outcome, outcomes
from tests.bench.rows import Asked, Row
from tests.bench.shards import ALLOWED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PARTS: dict[str, Callable[[Asked], Iterator[Row]]] = {
    "shards": shards.rows,
    "engines": engines.rows,
    "large": large.rows,
    "processes": processes.rows,
    "render": render_costs.rows,
    "deployments": deployments.rows,
    "tracing": tracing.rows,
    "check": checks.rows,
}


def main() -> int:
    """Measure what the options ask for; the result is the exit status."""
    options = _options()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends what was started, like Ctrl-C
    HOME.mkdir(exist_ok=True)
    asked = Asked(sorted(options.sizes, key=list(SIZES).index), options.repeat, sorted(options.shards))
    rows = [_printed(row) for part in options.parts for row in PARTS[part](asked)]
    found = outcomes(rows)
    sys.stdout.write("\n" + "".join(f"{outcome}\n" for outcome in found))
    _write(rows, found)
    return 0 if all(outcome.kept for outcome in found) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="what to measure (all)")
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=["1K", "1M"], help="customers (1K and 1M)")
    parser.add_argument("--shards", nargs="+", type=int, choices=ALLOWED, default=ALLOWED, help="of the sample (all)")
    parser.add_argument("--repeat", type=int, default=3, help="rounds of each comparison (3)")
    return parser.parse_args()


def _printed(row: Row) -> Row:
    """Print a row as soon as it is there."""
    sys.stdout.write(f"{row}\n")
    sys.stdout.flush()
    return row


def _write(rows: list[Row], found: list[Outcome]) -> None:
    machine = {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
    promises = [asdict(outcome) | {"kept": outcome.kept} for outcome in found]
    measured = {"machine": machine, "rows": [asdict(row) for row in rows], "promises": promises}
    (HOME / "bench.json").write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("stopped; what was started is ended, and .bench/bench.json is as it was")
