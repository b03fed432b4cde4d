"""Engine "render": the merge as Render Workflows tasks, each attempt in a process of its own.

A Render server starts its workers by ``render-workflows flows.render_tasks:app`` or ``python -m flows.render_tasks``.
"""

from __future__ import annotations

import logging
import math
import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from render import Retry, TaskContext, Workflows

from flows.on_render.wire import gathered, reported
from shared.run import steps
from shared.run.errors import ShardsFailedError, TerminalError
from shared.run.job import MergeJob, absolute, make_job, new_run_id
from shared.run.ledger import STAGE, claimed, shard_step
from shared.run.log import attempt_lines
from shared.run.policy import ORCHESTRATOR_POLICY, SHARD_POLICY, RetryPolicy

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from render.workflows.task import BoundTaskDecorator

JsonObject = dict[str, Any]

app = Workflows()
logger = logging.getLogger("shardwise")


def with_policy(policy: RetryPolicy, plan: str) -> BoundTaskDecorator:
    """Declare a task. Retries are always explicit: without them Render's cloud makes 3 and its local server none.

    Render documents timeouts of whole seconds from 30 to 86,400; shorter ones are for local servers.
    """
    wait_ms = round(policy.first_wait.total_seconds() * 1000)
    return app.task(
        retry=Retry(policy.max_retries, wait_ms, policy.factor),
        timeout_seconds=max(1, math.ceil(policy.timeout.total_seconds())),
        plan=plan,
    )


@with_policy(SHARD_POLICY, plan="standard")
def stage_sources(_ctx: TaskContext, job: JsonObject) -> JsonObject:
    """Stage the sources once for all shards."""
    with reported(), logged(job, STAGE):
        return steps.stage_sources(job)


@with_policy(SHARD_POLICY, plan="starter")
def process_shard(_ctx: TaskContext, shard_id: int, job: JsonObject | None = None) -> JsonObject:
    """Merge, score and commit one shard of an opened and staged job; a shard alone, without its job, is refused."""
    with reported():
        if job is None:
            raise TerminalError(
                "process_shard needs the job of a run; start merge_customer_data, which runs all shards"
            )
        shard_id = MergeJob.from_json(job).check_shard(shard_id)
        with logged(job, shard_step(shard_id)):
            return steps.process_shard(job, shard_id)


@with_policy(ORCHESTRATOR_POLICY, plan="starter")
async def merge_customer_data(ctx: TaskContext, job: JsonObject | None = None) -> JsonObject:
    """Merge four customer sources into one enriched profile per customer, in shards.

    Args:
        ctx: Runs the other tasks.
        job: Fields of a ``MergeJob``, all or some; the rest comes from the settings of this process.

    Returns:
        The run's result: counts, statistics, digest, where the profiles are.
    """
    with reported():
        opened = steps.open_run(complete(job, ctx.metadata.root_task_run_id))
        [staged] = await gathered([ctx.run(stage_sources, opened)])
        if isinstance(staged, Exception):
            raise staged
        shards = staged["remaining_shards"]
        ends = await gathered(ctx.run(process_shard, shard, opened) for shard in shards)
        failed = {shard: end for shard, end in zip(shards, ends, strict=True) if isinstance(end, BaseException)}
        if failed:
            raise ShardsFailedError.of(opened["run_id"], failed)
        return steps.aggregate_results(opened)


def complete(given: object, root_task_run_id: str | None) -> JsonObject:
    """A whole job from the fields a caller gave; a TerminalError when one is unknown or out of range."""
    if not isinstance(given, dict | None):
        raise TerminalError(f"the argument is {given!r:.80}; it must be a JSON object such as {{'num_shards': 7}}")
    run_id = f"render-{root_task_run_id or new_run_id()}"
    job = MergeJob.from_json(make_job(run_id=run_id).to_json() | (given or {}))
    data_url, store_url = absolute(job.data_url), absolute(job.store_url)
    return replace(job, data_url=data_url, store_url=store_url, engine="render").to_json()


def logged(job: JsonObject, step: str) -> AbstractContextManager[None]:
    """Log an attempt's start and end. Its number is counted in the ledger: Render tells a task none."""
    return attempt_lines(logger, job, step, claimed(MergeJob.from_json(job), step) + 1)


if __name__ == "__main__":
    if "RENDER_SDK_MODE" not in os.environ:
        sys.exit("this is a worker, which a Render server starts; `shardwise render-dev` is one")
    app.start()
