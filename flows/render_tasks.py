"""Engine "render": a pipeline as Render Workflows tasks, each attempt in its own process.

A Render server starts its workers with ``render-workflows flows.render_tasks:app`` or ``python -m flows.render_tasks``.
"""

from __future__ import annotations

import math
import os
import sys
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from render import Retry, TaskContext, Workflows

from flows.on_render.wire import answering, ended, gathered, reported
from shared.run import ending, steps
from shared.run.errors import ShardsFailedError, TerminalError
from shared.run.job import Job
from shared.run.new_job import make_job, new_run_id
from shared.run.opening import check_plan, in_cloud
from shared.run.outage import Outage
from shared.run.policy import RetryPolicy, run_policy, shard_policy
from shared.run.urls import absolute

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from render.workflows.task import BoundTaskDecorator

JsonObject = dict[str, Any]

app = Workflows()


def with_policy(policy: RetryPolicy, plan: str) -> BoundTaskDecorator:
    """Declare a task. Retries are always explicit, because Render's cloud makes 3 by default and its local server none.

    Render documents timeouts of whole seconds from 30 to 86,400; shorter ones are for local servers.
    """
    wait_ms = round(policy.first_wait.total_seconds() * 1000)
    return app.task(
        retry=Retry(policy.max_retries, wait_ms, policy.factor),
        timeout_seconds=max(1, math.ceil(policy.timeout.total_seconds())),
        plan=plan,
    )


@with_policy(shard_policy(), plan="standard")
def stage(ctx: TaskContext, job: JsonObject) -> JsonObject:
    """Stage the inputs once for all shards."""
    with answering(ctx) as answer:
        answer.update(steps.stage(Job.from_json(job)))
    return answer


@with_policy(shard_policy(), plan="starter")
def process_shard(ctx: TaskContext, shard_id: int, job: JsonObject | None = None) -> JsonObject:
    """Process one shard of an opened and staged job; a shard without its job is refused."""
    with answering(ctx) as answer:
        answer.update(steps.process_shard(_given(job), shard_id))
    return answer


@with_policy(shard_policy(), plan="starter")
def aggregate(ctx: TaskContext, job: JsonObject) -> JsonObject:
    """Aggregate the committed shards and publish the run's output and result."""
    with answering(ctx) as answer:
        answer.update(steps.aggregate(Job.from_json(job)))
    return answer


@with_policy(run_policy(), plan="starter")
async def merge_customer_data(ctx: TaskContext, job: JsonObject | None = None) -> JsonObject:
    """Merge four customer sources into one enriched profile per customer, in shards.

    Args:
        ctx: Runs the other tasks.
        job: Some or all fields of a ``Job``, and ``max_rejects`` or ``redact``; settings of this process complete them.

    Returns:
        The run's result: counts, statistics, digest, and the address of the profiles.
    """
    with reported():
        return await run_job(ctx, complete(with_parameters(job), ctx.metadata.root_task_run_id))


@with_policy(run_policy(), plan="starter")
async def run_pipeline(ctx: TaskContext, job: JsonObject) -> JsonObject:
    """Run any pipeline, in shards.

    Args:
        ctx: Runs the other tasks.
        job: Fields of a ``Job`` with at least ``pipeline``; settings of this process complete them. SHARDWISE_PIPELINES
            must list the pipeline.

    Returns:
        The run's result: digest, the address of the output, and the pipeline's own values.
    """
    with reported():
        if not isinstance(job, dict) or "pipeline" not in job:
            raise TerminalError(f"the argument is {job!r:.80}; it must be a JSON object with a pipeline at least")
        return await run_job(ctx, complete(job, ctx.metadata.root_task_run_id))


async def run_job(ctx: TaskContext, job: Job) -> JsonObject:
    """Take a job through its steps, each as its own task."""
    check_plan(job, shard_policy())
    job = steps.open_run(job)
    with ending.recorded(job):
        opened = job.to_json()
        staged = await one(ctx.run(stage, opened))
        shards = staged["remaining_shards"]
        starts = (partial(ctx.run, process_shard, shard, opened) for shard in shards)
        ends = await gathered(starts, Outage(job.run_id))
        failed = {shard: end for shard, end in zip(shards, ends, strict=True) if isinstance(end, BaseException)}
        if failed:
            raise ShardsFailedError.of(job.run_id, failed, job.num_shards, shard_policy().max_retries)
        return await one(ctx.run(aggregate, opened))


async def one(subtask: Coroutine[Any, Any, Any]) -> JsonObject:
    """Return the result of a subtask, or raise its error."""
    end = await ended(subtask)
    if isinstance(end, Exception):
        raise end
    result: JsonObject = end
    return result


def _given(job: JsonObject | None) -> Job:
    if job is None:
        raise TerminalError(
            "process_shard needs the job of a run; start merge_customer_data or run_pipeline, which run all shards"
        )
    return Job.from_json(job)


def with_parameters(given: object) -> object:
    """Move ``max_rejects`` and ``redact`` to the parameters of a job; callers pass them with the other fields."""
    if not isinstance(given, dict):
        return given
    own = {name: given[name] for name in ("max_rejects", "redact") if name in given}
    others = {name: value for name, value in given.items() if name not in own}
    return others | {"parameters": others.get("parameters", {}) | own}


def complete(given: object, root_task_run_id: str | None) -> Job:
    """Complete the fields of a job; a TerminalError if a field is unknown or out of range."""
    if not isinstance(given, dict | None):
        raise TerminalError(f"the argument is {given!r:.80}; it must be a JSON object such as {{'num_shards': 7}}")
    fields = given or {}
    run_id = f"render-{root_task_run_id or new_run_id()}"
    made = make_job(
        run_id=run_id,
        pipeline=fields.get("pipeline"),
        parameters=fields.get("parameters"),
        sample="data_url" in fields or not in_cloud(),
    )
    job = Job.from_json(made.to_json() | fields | {"parameters": made.parameters})
    return replace(job, data_url=absolute(job.data_url), store_url=absolute(job.store_url), engine="render")


if __name__ == "__main__":
    if "RENDER_SDK_MODE" not in os.environ:
        sys.exit("a Render server must start this worker; start the server with `shardwise render-dev`")
    app.start()
