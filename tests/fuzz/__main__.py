"""``python -m tests.fuzz``: thousands of mutated inputs, their seeds printed; one seed can be run alone."""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.fuzz.judge import FuzzError, check

STEP = 100  # inputs between two lines of progress


def outcome(seed: int) -> str:
    """What came of a seed; a failure as its text."""
    with TemporaryDirectory() as folder:
        try:
            return check(seed, Path(folder, "input"))
        except FuzzError as error:
            return str(error)


def main() -> int:
    """Run the inputs; the exit status is 1 when one failed."""
    logging.disable()  # what is ignored in a file is not an outcome
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=3_000, help="how many")
    parser.add_argument("--first", type=int, default=1, help="the first seed; the others follow it")
    parser.add_argument("--seed", type=int, help="run this one alone, and keep its files in ./fuzz-SEED")
    parser.add_argument("--workers", type=int, default=2, help="processes at a time")
    options = parser.parse_args()
    if options.seed is not None:
        print(check(options.seed, Path(f"fuzz-{options.seed}")))  # noqa: T201 — the output
        return 0
    return run_all(range(options.first, options.first + options.inputs), options.workers)


def run_all(seeds: range, workers: int) -> int:
    """Run the inputs of some seeds and print what came of them."""
    counts: Counter[str] = Counter()
    started = time.monotonic()
    print(f"seeds {seeds[0]} to {seeds[-1]}", flush=True)  # noqa: T201 — the output
    with ProcessPoolExecutor(workers) as pool:
        for number, told in enumerate(pool.map(outcome, seeds, chunksize=10), 1):
            failed = told.startswith("seed ")
            counts["failed" if failed else told] += 1
            if failed:
                print(told, flush=True)  # noqa: T201 — the output
            if number % STEP == 0 or number == len(seeds):
                print(f"{number}: {dict(sorted(counts.items()))}, {time.monotonic() - started:.0f} s", flush=True)  # noqa: T201 — the output
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
