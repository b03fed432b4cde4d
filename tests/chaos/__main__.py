"""``python -m tests.chaos``: 500 seeded runs; ``--seed 17`` does one of them again and keeps its folder."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from typing import TYPE_CHECKING

from shared.run.cores import cores
from tests.chaos.plan import Plan
from tests.chaos.running import all_outcomes

if TYPE_CHECKING:
    from tests.chaos.lane import Outcome


def main() -> int:
    """Run the seeds, print each as it ends, then what they came to; 1 when anything was wrong."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the servers end with this process
    seeds = options.seed or range(options.first, options.first + options.runs)
    started, outcomes = time.monotonic(), []
    for outcome in all_outcomes(map(Plan.of, seeds), options.lanes, keep=bool(options.seed)):
        _say(_line(outcome))
        outcomes.append(outcome)
    wrong = [outcome.plan.seed for outcome in outcomes if outcome.problems]
    recovered, signals = sum(each.recovered for each in outcomes), sum(len(each.sent) for each in outcomes)
    _say(
        f"{len(outcomes)} runs, {signals} signals to live processes, {recovered} runs finished in spite of them, "
        f"{len(outcomes) - recovered} when they were started again, {len(wrong)} wrong, "
        f"{time.monotonic() - started:.0f} s"
    )
    for seed in wrong:
        _say(f"again: python -m tests.chaos --seed {seed}")
    return 1 if wrong else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--runs", type=int, default=500, help="how many seeds")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--seed", type=int, action="append", help="only this one, or these; the folder stays")
    parser.add_argument("--lanes", type=int, default=cores() + 1, help="runs at a time; each waits a third of its time")
    return parser.parse_args()


def _line(outcome: Outcome) -> str:
    end = "WRONG" if outcome.problems else "finished" if outcome.recovered else "resumed"
    sent = "; ".join(outcome.sent) or "no process was there any more"
    return "\n    ".join([f"seed {outcome.plan.seed} {outcome.plan.setup.name}: {end} ({sent})", *outcome.problems])


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 — this is a command


if __name__ == "__main__":
    sys.exit(main())
