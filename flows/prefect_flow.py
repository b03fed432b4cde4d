"""Engine "prefect": a pipeline as a Prefect flow, one task per step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ParamSpec, TypeVar, cast

from prefect import flow, get_run_logger, runtime, task, unmapped
from prefect.cache_policies import NO_CACHE
from prefect.futures import as_completed
from pydantic import Field, StrictInt
from pydantic.json_schema import SkipJsonSchema

from flows.on_prefect.console import outlive_worker
from flows.on_prefect.infrastructure import check_store
from flows.on_prefect.names import is_generated
from flows.on_prefect.runners import run_shard, shared_server, task_runner, upstream
from flows.on_prefect.ui import artifacts
from shared.customers.pipeline import MAX_REJECTS
from shared.faults.plan import Fault
from shared.isolation import pool
from shared.isolation.server import isolated
from shared.run import steps
from shared.run.errors import ShardsFailedError, TerminalError
from shared.run.job import RUN_ID, Job, make_job
from shared.run.ledger import AGGREGATE, STAGE, shard_step
from shared.run.log import attempt_lines
from shared.run.opening import check_plan
from shared.run.policy import ORCHESTRATOR_POLICY, RetryPolicy, shard_policy
from shared.run.settings import MAX_SHARDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from prefect.client.schemas.objects import State, TaskRun
    from prefect.futures import PrefectFuture
    from prefect.tasks import Task

    Future = PrefectFuture[Any]

P = ParamSpec("P")
R = TypeVar("R")
JsonObject = dict[str, Any]

# Prefect's command reads the text of a parameter as JSON: 20261123 and 10 arrive as numbers.
RunId = Annotated[str, Field(pattern=f"^{RUN_ID.pattern}$")] | StrictInt
MaxRejects = Annotated[str, Field(pattern=f"^({MAX_REJECTS.pattern})$")] | StrictInt
HiddenFaults = SkipJsonSchema[list[JsonObject] | None]  # for comparisons: the form in the UI does not show it


def worth_retrying(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether another attempt can help."""
    return not isinstance(state.result(raise_on_failure=False), TerminalError)


def step(task_run_name: str) -> Callable[[Callable[P, R]], Task[P, R]]:
    """Declare a task; its retries and its timeout are those of the run (``under``)."""
    return task(
        task_run_name=task_run_name,
        retry_condition_fn=worth_retrying,
        cache_policy=NO_CACHE,  # the store knows what is done: results kept anywhere else could only differ from it
    )


def under(policy: RetryPolicy, declared: Task[P, R]) -> Task[P, R]:
    """A task with the retries and the timeout of a policy.

    An isolated process is stopped at the timeout, which Prefect cannot do to a thread.
    """
    return declared.with_options(
        retries=policy.max_retries,
        retry_delay_seconds=[wait.total_seconds() for wait in policy.waits()],
        timeout_seconds=None if isolated() else policy.timeout.total_seconds(),
    )


@step(STAGE)
def stage(job: Job, timeout: timedelta) -> JsonObject:
    """Stage the inputs once for all shards."""
    with attempt_lines(get_run_logger(), job, STAGE, runtime.task_run.run_count):
        return pool.stage(job, timeout)


@step("shard-{shard_id:03d}")
def process_shard(job: Job, shard_id: int, timeout: timedelta) -> JsonObject:
    """Do and commit the work of one shard."""
    with attempt_lines(get_run_logger(), job, shard_step(shard_id), runtime.task_run.run_count):
        return run_shard(job, shard_id, timeout)


@step(AGGREGATE)
def aggregate(job: Job, timeout: timedelta) -> JsonObject:
    """Aggregate the committed shards and publish the run's output and result."""
    with attempt_lines(get_run_logger(), job, AGGREGATE, runtime.task_run.run_count):
        return pool.aggregate(job, timeout)


def run_name() -> str:
    """A flow run's name: the one that a person gave it, else the run_id that a person gave, else Prefect's own."""
    name: str = runtime.flow_run.name
    run_id: RunId | None = runtime.flow_run.parameters.get("run_id")
    return name if run_id is None or not is_generated(name) else str(run_id)


@flow(
    flow_run_name=run_name,
    retries=ORCHESTRATOR_POLICY.max_retries,
    task_runner=task_runner(),
    result_serializer="json",  # not pickle: reading a result must not be able to run code
)
def merge_customer_data(  # noqa: PLR0913 — flat parameters make a form in the UI
    *,
    data_url: str | None = None,
    store_url: str | None = None,
    num_shards: Annotated[int | None, Field(ge=1, le=MAX_SHARDS)] = None,
    run_id: RunId | None = None,
    max_rejects: MaxRejects | None = None,
    faults: HiddenFaults = None,
) -> JsonObject:
    """Merge four customer sources into one enriched profile per customer, in shards.

    Args:
        data_url: Folder of the four CSVs, a path or URL; default: SHARDWISE_DATA_URL.
        store_url: Where stagings and runs live, a path or URL all workers reach; default: SHARDWISE_STORE_URL.
        num_shards: From 1 to 1,000; default: SHARDWISE_NUM_SHARDS, else 10.
        run_id: Names the run; an earlier one's resumes it. Default: prefect- and the flow run's id.
        max_rejects: Rows that may be rejected, '10' or '0.5%'; default: SHARDWISE_MAX_REJECTS, else none.
        faults: What to break on purpose, such as {"kind": "kill", "step": "shard-003", "attempts": [1]}; only where
            SHARDWISE_ALLOW_FAULTS is true.

    Returns:
        The run's result: counts, statistics, digest, where the profiles are.

    Raises:
        TerminalError: Bad input; nothing was published.
        ShardsFailedError: Shards failed after all retries; the others are committed, and running the same run_id
            resumes.
    """
    return run(
        make_job(
            data_url=data_url,
            store_url=store_url,
            num_shards=num_shards,
            run_id=_run_id(run_id),
            parameters={"max_rejects": None if max_rejects is None else str(max_rejects)},
            engine="prefect",
            faults=tuple(Fault.from_json(fault) for fault in faults or ()),
        ),
        shard_policy(),
    )


@flow(
    flow_run_name=run_name,
    retries=ORCHESTRATOR_POLICY.max_retries,
    task_runner=task_runner(),
    result_serializer="json",  # the same
)
def run_pipeline(  # noqa: PLR0913 — the same
    *,
    pipeline: str,
    data_url: str | None = None,
    store_url: str | None = None,
    num_shards: Annotated[int | None, Field(ge=1, le=MAX_SHARDS)] = None,
    run_id: RunId | None = None,
    parameters: JsonObject | None = None,
    faults: HiddenFaults = None,
) -> JsonObject:
    """Run any pipeline, in shards.

    Args:
        pipeline: What runs, such as my_team.clicks:pipeline; the worker's SHARDWISE_PIPELINES must list it.
        data_url: Folder of the data, a path or URL; default: SHARDWISE_DATA_URL, else what the pipeline makes itself.
        store_url: Where stagings and runs live, a path or URL all workers reach; default: SHARDWISE_STORE_URL.
        num_shards: From 1 to 1,000; default: SHARDWISE_NUM_SHARDS, else 10.
        run_id: Names the run; an earlier one's resumes it. Default: prefect- and the flow run's id.
        parameters: The pipeline's own, by name.
        faults: What to break on purpose, such as {"kind": "kill", "step": "shard-003", "attempts": [1]}; only where
            SHARDWISE_ALLOW_FAULTS is true.

    Returns:
        The run's result: digest, where the output is, and what the pipeline tells.

    Raises:
        TerminalError: Bad input or an unknown pipeline; nothing was published.
        ShardsFailedError: Shards failed after all retries; the others are committed, and running the same run_id
            resumes.
    """
    return run(
        make_job(
            pipeline=pipeline,
            data_url=data_url,
            store_url=store_url,
            num_shards=num_shards,
            run_id=_run_id(run_id),
            parameters=parameters,
            engine="prefect",
            faults=tuple(Fault.from_json(fault) for fault in faults or ()),
        ),
        shard_policy(),
    )


def run(job: Job, policy: RetryPolicy) -> JsonObject:
    """Take a job through its steps, inside of a flow, and show in the UI how it ended."""
    outlive_worker()
    with artifacts.Summary(job) as summary:
        check_store(job)
        check_plan(job, policy)
        opened = summary.job = steps.open_run(job)
        # A direct call: in this process, not on a worker of the runner.
        staged = under(policy, stage)(opened, policy.timeout, return_state=True)
        after = cast("JsonObject", staged)  # Prefect takes a state too, and draws an arrow from it
        remaining = staged.result()["remaining_shards"]
        with artifacts.Progress(opened, len(remaining)) as progress:
            shards = process_shards(opened, remaining, policy, after, progress)
            if failures := {shard: error for shard, future in shards.items() if (error := _error(future))}:
                raise ShardsFailedError.of(job.run_id, failures)
            return under(policy, aggregate)(opened, policy.timeout, wait_for=[after, *shards.values()])


def process_shards(
    job: Job, ids: list[int], policy: RetryPolicy, after: JsonObject, progress: artifacts.Progress
) -> dict[int, Future]:
    """Process shards side by side, and tell how far they are; return them when all have ended."""
    with pool.bound(), shared_server():
        shards = under(policy, process_shard).map(
            unmapped(job), ids, unmapped(policy.timeout), wait_for=upstream(after)
        )
        futures = dict(zip(ids, shards, strict=True))
        for future in as_completed(list(futures.values())):
            if _error(future) is None:
                progress.advance()
    return futures


def _error(future: Future) -> BaseException | None:
    result: object = future.result(raise_on_failure=False)
    return result if isinstance(result, BaseException) else None


def _run_id(given: RunId | None) -> str:
    return f"prefect-{runtime.flow_run.id}" if given is None else str(given)
