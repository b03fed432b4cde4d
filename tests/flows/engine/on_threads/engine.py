"""Engine "threads": each step in a thread of this process, tried again as often as the policy allows."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from flows.engine.column import Column
from flows.engine.engine import Engine
from flows.engine.facts import Hint
from shared.run import steps
from shared.run.errors import ShardsFailedError, TerminalError
from shared.run.policy import shard_policy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shared.run.job import Job
    from shared.run.policy import RetryPolicy
    from shared.run.run import JsonObject


def run(job: Job, workers: int) -> JsonObject:
    """Run a job until it ends."""
    policy = shard_policy()
    job = steps.open_run(job)
    staged = retried(partial(steps.stage, job), policy)
    with ThreadPoolExecutor(workers) as threads:
        shards = staged["remaining_shards"]
        futures = {shard: threads.submit(retried, partial(steps.process_shard, job, shard), policy) for shard in shards}
    if failures := {shard: error for shard, future in futures.items() if (error := future.exception())}:
        raise ShardsFailedError.of(job.run_id, failures, job.num_shards, policy.max_retries)
    return retried(partial(steps.aggregate, job), policy)


def retried(attempt: Callable[[], JsonObject], policy: RetryPolicy) -> JsonObject:
    """Make attempts until one succeeds."""
    for wait in policy.waits():
        try:
            return attempt()
        except TerminalError:
            raise
        except Exception:  # noqa: BLE001 — the last attempt raises it
            time.sleep(wait.total_seconds())
    return attempt()


def hints(shard: RetryPolicy, _run: RetryPolicy) -> Iterator[Hint]:
    """Nothing stops a thread."""
    yield Hint("threads", "note", "no-timeout", f"the timeout of {shard.timeout} is not kept: nothing stops a thread")


ENGINE = Engine("threads", "Threads", run, (Column("threads", "a thread pool"),), hints=hints)
