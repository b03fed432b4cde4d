"""Plans side by side: the servers and the nursery they share, as long as they take."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from pathlib import Path
from queue import SimpleQueue
from threading import Lock
from typing import TYPE_CHECKING

from shared.run.settings import SAMPLE_DATA
from tests.chaos.findings import RUN_ID
from tests.chaos.lane import Lane, Nursery, Outcome
from tests.chaos.plan import SHARDS, Plan
from tests.command import environment
from tests.prefect_server import ROOT, reap, running_server
from tests.shared.agreement import assert_agrees

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Retries at once, and no attempt that a stopped process could keep for long.
HURRY = {
    "SHARDWISE_WAIT_SCALE": "0.02",
    "SHARDWISE_SHARD_TIMEOUT": "30",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
}


def all_outcomes(plans: Iterable[Plan], lanes: int, *, keep: bool = False) -> Iterator[Outcome]:
    """Run plans, some at a time; yield how each ended, as they end.

    Args:
        plans: What to do.
        lanes: How many at a time.
        keep: Whether the folder of the runs stays; it does too when anything was wrong.
    """
    plans = list(plans)
    folder = Path(tempfile.mkdtemp(prefix="sw-chaos-"))  # a short path: sockets live below
    try:
        with ExitStack() as stack:
            nursery = stack.enter_context(_nursery(plans, folder, stack))
            # The bytes that all others must have agree with the independent merge of the tests.
            published = assert_agrees(SAMPLE_DATA, folder / "undisturbed", run_id=RUN_ID, num_shards=SHARDS).parts
            free: SimpleQueue[Lane] = SimpleQueue()
            for lane in range(min(lanes, len(plans))):
                free.put(stack.enter_context(Lane(nursery, folder / str(lane), published)))
            for outcome in _side_by_side(plans, free):
                keep |= bool(outcome.problems)
                yield outcome
    finally:
        if keep:
            print(f"kept: {folder}", file=sys.stderr)  # noqa: T201 — for an investigation
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _side_by_side(plans: list[Plan], free: SimpleQueue[Lane]) -> Iterator[Outcome]:
    def run(plan: Plan) -> Outcome:
        lane = free.get()
        try:
            return lane.run(plan)
        finally:
            free.put(lane)

    with ThreadPoolExecutor(free.qsize()) as threads:
        try:
            for future in as_completed([threads.submit(run, plan) for plan in plans]):
                yield future.result()
        finally:
            threads.shutdown(cancel_futures=True)


@contextmanager
def _nursery(plans: list[Plan], folder: Path, stack: ExitStack) -> Iterator[Nursery]:
    """The nursery, and the Prefect server its forks talk to, where any does."""
    env = environment(**HURRY)
    if any(plan.setup.engine == "prefect" for plan in plans):
        env = stack.enter_context(running_server(folder / "prefect")).environment(**HURRY)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.chaos.nursery"],
        cwd=ROOT,
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n", "the nursery cannot import the engines"
            yield Nursery(process, Lock(), env)
        finally:
            reap(process)
