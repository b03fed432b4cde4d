"""What Render promises, what its machines cost, and what a policy means on Render."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from flows.engine.facts import Hint, Promise
from flows.engine.lint import seconds
from flows.engine.pricing import BY_THE_SECOND, Price
from flows.engine.verdicts import RECOVERED, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.run.policy import RetryPolicy

NO_TIMEOUT = "Render's own local server enforces no timeout"
TIMEOUTS = timedelta(seconds=30), timedelta(days=1)  # documented limits of the platform
MILLISECOND, SECOND = timedelta(milliseconds=1), timedelta(seconds=1)
PROMISES = (
    Promise(
        ("raise_twice", "kill_worker_once", "out_of_memory_once", "disk_full_once"),
        "a task run that fails is retried as its task declares",
        "https://render.com/docs/workflows",
        "2026-11-25",
        frozenset({Verdict.ENGINE}),
    ),
    Promise(
        ("wait_beside_work",),
        "a run beyond the workspace's concurrency waits in a queue until another run completes",
        "https://render.com/docs/workflows-limits",
        "2026-11-25",
        frozenset(RECOVERED),
    ),
)
PRICES = (
    Price(
        "stage",
        BY_THE_SECOND,
        "Render Workflows task, plan standard (1 CPU, 2 GB)",
        0.2,
        "hour of wall time",
        1,
        "https://render.com/docs/workflows-limits",
        date(2026, 11, 25),
    ),
    Price(
        "shard",
        BY_THE_SECOND,
        "Render Workflows task, plan starter (0.5 CPU, 512 MB)",
        0.05,
        "hour of wall time",
        0.5,
        "https://render.com/docs/workflows-limits",
        date(2026, 11, 25),
    ),
    Price(
        "run",
        BY_THE_SECOND,
        "the task that starts the others, plan starter",
        0.05,
        "hour of wall time",
        0.5,
        "https://render.com/docs/workflows-limits",
        date(2026, 11, 25),
    ),
)


def hints(shard: RetryPolicy, _run: RetryPolicy) -> Iterator[Hint]:
    """Yield hints on a policy that is unexpected on Render."""
    shortest, longest = TIMEOUTS
    if not shortest <= shard.timeout <= longest:
        message = f"a timeout of {seconds(shard.timeout)} works on local servers only: the cloud takes 30 s to 24 h"
        yield Hint("render", "warning", "timeout-bounds", message)
    if shard.timeout % SECOND:
        message = f"timeouts are whole seconds there: {seconds(shard.timeout)} is rounded up"
        yield Hint("render", "note", "timeout-rounded", message)
    if shard.first_wait % MILLISECOND:
        message = (
            f"the first wait of {seconds(shard.first_wait)} is rounded to milliseconds, and later waits follow from it"
        )
        yield Hint("render", "note", "wait-rounded", message)
    if shard.max_retries:
        lost = sum(shard.waits(), timedelta())
        message = (
            f"no error can ask not to be retried: bad input that raises costs {shard.max_attempts} attempts and "
            f"{seconds(lost)} of waits; our tasks return it to the task that started them, which fails after one"
        )
        yield Hint("render", "note", "terminal-returned", message)
