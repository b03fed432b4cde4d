"""Engine "prefect": the merge as a Prefect flow, one task per shard."""

from __future__ import annotations

from typing import Annotated, Any

from prefect import flow, get_run_logger, runtime, task, unmapped
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.futures import wait
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.tasks import Task
from pydantic import Field

from shared import isolate, work
from shared.errors import ShardsFailedError, TerminalError
from shared.faults import Fault
from shared.job import MAX_REJECTS, MAX_SHARDS, RUN_ID, make_job
from shared.ledger import shard_step
from shared.log import attempt_lines
from shared.policy import ORCHESTRATOR_POLICY, SHARD_POLICY

JsonObject = dict[str, Any]


def worth_retrying(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether another attempt can help: not after a TerminalError. A plain function, since Prefect 3.8 ignores other callables."""
    return not isinstance(state.result(raise_on_failure=False), TerminalError)


with_policy = task(
    retries=SHARD_POLICY.max_retries,
    retry_delay_seconds=[wait.total_seconds() for wait in SHARD_POLICY.waits()],
    retry_condition_fn=worth_retrying,
    cache_policy=NO_CACHE,  # the store knows what is done; a cache could only hide a difference
    result_serializer="json",
)


@with_policy(task_run_name="stage")
def stage_sources(job: JsonObject) -> JsonObject:
    """Stage the sources once for all shards."""
    with attempt_lines(get_run_logger(), job, "stage", runtime.task_run.run_count):
        return work.stage_sources(job)


@with_policy(task_run_name="shard-{shard_id}")
def process_shard(job: JsonObject, shard_id: int) -> JsonObject:
    """Merge, score and commit one shard."""
    with attempt_lines(get_run_logger(), job, shard_step(shard_id), runtime.task_run.run_count):
        return isolate.run_shard(job, shard_id)


@task(task_run_name="aggregate", retries=0, cache_policy=NO_CACHE, result_serializer="json")
def aggregate_results(job: JsonObject) -> JsonObject:
    """Add up the committed shards and publish the run's result."""
    return work.aggregate_results(job)


@flow(
    retries=ORCHESTRATOR_POLICY.max_retries,
    task_runner=ThreadPoolTaskRunner(max_workers=isolate.cores()),
    result_serializer="json",
)
def merge_customer_data(  # noqa: PLR0913 — flat parameters make a form in the UI
    data_url: Annotated[str | None, Field(description="Folder of the four CSVs; default: SHARDWISE_DATA_URL")] = None,
    store_url: Annotated[str | None, Field(description="Where runs live; default: SHARDWISE_STORE_URL")] = None,
    num_shards: Annotated[int | None, Field(ge=1, le=MAX_SHARDS, description="Default: SHARDWISE_NUM_SHARDS or 10")] = None,
    run_id: Annotated[str | None, Field(pattern=f"^{RUN_ID.pattern}$", description="An earlier one resumes")] = None,
    max_rejects: Annotated[str | None, Field(pattern=f"^({MAX_REJECTS.pattern})$", description="'10' or '0.5%'")] = None,
    faults: Annotated[list[JsonObject] | None, Field(description="What to break on purpose")] = None,
) -> JsonObject:
    """Merge four customer sources into one enriched profile per customer, in shards.

    Returns:
        The run's result: counts, statistics, digest, where the profiles are.

    Raises:
        TerminalError: Bad input; nothing was published.
        ShardsFailedError: Shards failed for good; the others are committed, and running the same run_id resumes.
    """
    job = make_job(
        data_url=data_url,
        store_url=store_url,
        num_shards=num_shards,
        run_id=run_id or f"prefect-{runtime.flow_run.id}",
        max_rejects=max_rejects,
        engine="prefect",
        faults=tuple(Fault.from_json(fault) for fault in faults or ()),
    )
    opened = work.open_run(job.to_json())
    staged = stage_sources(opened)
    futures = process_shard.map(unmapped(opened), staged["remaining_shards"])
    wait(futures)
    results = [future.result(raise_on_failure=False) for future in futures]
    failures = {s: r for s, r in zip(staged["remaining_shards"], results, strict=True) if isinstance(r, BaseException)}
    if failures:
        raise ShardsFailedError.of(job.run_id, failures)
    return aggregate_results(opened)
