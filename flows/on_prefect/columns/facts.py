"""What Prefect promises, what its machines cost, and what a policy means on Prefect."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from flows.engine.facts import Hint, Promise
from flows.engine.lint import seconds
from flows.engine.pricing import BY_THE_MONTH, Price
from flows.engine.verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.run.policy import RetryPolicy

PROMISES = (
    Promise(
        ("raise_twice", "out_of_memory_once", "disk_full_once"),
        "a task run that fails is retried as its task declares",
        "https://docs.prefect.io/v3/how-to-guides/workflows/retries",
        "2026-11-25",
        frozenset({Verdict.ENGINE}),
    ),
)
PRICES = (
    Price(
        "worker",
        BY_THE_MONTH,
        "background worker, plan Standard (1 CPU, 2 GB)",
        25,
        "month",
        1,
        "https://render.com/pricing",
        date(2026, 11, 23),
    ),
    Price(
        "server",
        BY_THE_MONTH,
        "Prefect's server, web service, plan Starter",
        7,
        "month",
        0,
        "https://render.com/pricing",
        date(2026, 11, 23),
    ),
    Price(
        "database",
        BY_THE_MONTH,
        "Prefect's database, plan basic-256mb, storage not counted",
        6,
        "month",
        0,
        "https://render.com/pricing",
        date(2026, 11, 23),
    ),
)


def hints(shard: RetryPolicy, _run: RetryPolicy) -> Iterator[Hint]:
    """Yield hints on a policy that is unexpected on Prefect."""
    message = (
        f"on threads, only isolation keeps the timeout of {seconds(shard.timeout)}: Prefect cannot stop a thread that "
        "blocks, so with SHARDWISE_ISOLATION=none there is none"
    )
    yield Hint("prefect", "note", "timeout-needs-isolation", message)
    if shard.max_retries:
        message = (
            "retries are made by the flow's own process: when that is killed, none comes until the run is started again"
        )
        yield Hint("prefect", "note", "retries-die-with-the-flow", message)
