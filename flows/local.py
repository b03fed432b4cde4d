"""Engine "local": a pool of workers with the retry policy, without an orchestrator; the reference for all engines."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from typing import TYPE_CHECKING

from flows.engine.column import Column
from flows.engine.engine import Engine
from flows.engine.scenario import Expected, Kind
from flows.engine.verdicts import Verdict
from shared.isolation import pool
from shared.isolation.server import isolated
from shared.run import ending, steps
from shared.run.errors import ShardsFailedError, TerminalError
from shared.run.opening import check_plan
from shared.run.outage import Outage
from shared.run.policy import shard_policy

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from flows.engine.target import Target
    from shared.run.job import Job
    from shared.run.policy import RetryPolicy
    from shared.run.run import JsonObject

logger = logging.getLogger("shardwise")


def run_job(job: Job, workers: int, policy: RetryPolicy) -> JsonObject:
    """Run a job until it ends.

    Args:
        job: The job, not yet opened.
        workers: The number of parallel shards, each in its own process.
        policy: The policy of each step.

    Raises:
        ShardsFailedError: Shards failed after all retries; the others are committed.
        StoreError: The store failed for several shards in a row; the other shards were not started.
    """
    if isolated():
        pool.warm()
    check_plan(job, policy)
    job = steps.open_run(job)
    with ending.recorded(job):
        staged = with_retries(policy, partial(pool.stage, job))
        _process_shards(policy, job, staged["remaining_shards"], workers)
        return with_retries(policy, partial(pool.aggregate, job))


def with_retries(
    policy: RetryPolicy,
    attempt: Callable[[timedelta], JsonObject],
    stopped: threading.Event | None = None,
) -> JsonObject:
    """Make attempts until one succeeds, with the policy's waits between them. Terminal errors are not retried.

    Args:
        policy: The policy of the step.
        attempt: Makes one attempt with the given timeout.
        stopped: Set when no further attempts are wanted.
    """
    waits, stopped = iter(policy.waits()), stopped or threading.Event()
    while True:
        try:
            return attempt(policy.timeout)
        except TerminalError:
            raise
        except Exception:
            if (pause := next(waits, None)) is None or stopped.wait(pause.total_seconds()):
                raise


def _process_shards(policy: RetryPolicy, job: Job, shards: list[int], workers: int) -> None:
    stopped, threads, outage = threading.Event(), ThreadPoolExecutor(workers), Outage(job.run_id)

    def process(shard: int) -> JsonObject | None:
        if outage.is_on:
            return None
        try:
            manifest = with_retries(policy, partial(pool.process_shard, job, shard), stopped)
        except Exception as error:
            if outage.ended(error):
                stopped.set()
            raise
        outage.ended(None)
        return manifest

    try:
        with pool.bound():
            futures = {shard: threads.submit(process, shard) for shard in shards}
            wait(futures.values())
    except BaseException:  # Ctrl-C: running steps have been ended, and waiting steps do not start
        stopped.set()
        threads.shutdown(wait=True, cancel_futures=True)
        raise
    if outage.is_on:
        raise outage.error()
    failures = {shard: error for shard, future in futures.items() if (error := future.exception())}
    if failures:
        raise ShardsFailedError.of(job.run_id, failures, job.num_shards, policy.max_retries)


def run(job: Job, workers: int) -> JsonObject:
    """Run without an orchestrator."""
    return run_job(job, workers, shard_policy())


def _target() -> Target:
    from flows.local_target import PipelineTarget

    return PipelineTarget()


NO_ORCHESTRATOR = {Kind.RUN_DIES: Expected(Verdict.FAILED, reason="no orchestrator restarts a killed run")}
ENGINE = Engine(
    "local",
    "no orchestrator",
    run,
    (Column("local", "no orchestrator", {"SHARDWISE_ISOLATION": "process"}, ours=True, known=NO_ORCHESTRATOR),),
    orchestrator=False,
    target=_target,
)
