"""The steps of a run as Prefect tasks, and a job as a flow run of them."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from prefect import flow, get_run_logger, task, unmapped
from prefect.cache_policies import NO_CACHE
from prefect.futures import as_completed
from prefect.states import Failed

from flows.on_prefect.console import outlive_worker
from flows.on_prefect.infrastructure import check_store
from flows.on_prefect.runners import ready_processes, run_shard, upstream
from flows.on_prefect.ui import artifacts
from shared.isolation import pool
from shared.isolation.server import isolated
from shared.run import ending, steps
from shared.run.errors import ShardsFailedError, TerminalError, TransientError
from shared.run.job import CUSTOMERS, Job
from shared.run.opening import check_plan
from shared.run.outage import Outage
from shared.run.policy import RetryPolicy, run_policy, shard_policy
from shared.run.step_names import AGGREGATE, STAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import timedelta

    from prefect.client.schemas.objects import State, TaskRun
    from prefect.flows import FlowStateHook
    from prefect.futures import PrefectFuture
    from prefect.task_runners import TaskRunner
    from prefect.tasks import Task

    Future = PrefectFuture[Any]
    ShardTask = Task[[Job, int, timedelta], dict[str, Any]]

P = ParamSpec("P")
R = TypeVar("R")
JsonObject = dict[str, Any]


def worth_retrying(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether another attempt can help."""
    return not isinstance(state.result(raise_on_failure=False), TerminalError)


def in_own_words(function: Callable[P, R]) -> Callable[P, R]:
    """Keep the traceback of an error out of the log if its message already says what to do.

    An error that a retry cannot fix becomes the failed state that Prefect would create, for which Prefect logs one
    line. Other errors are raised, and Prefect logs their tracebacks.
    """

    @wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except (TerminalError, ShardsFailedError) as error:
            return cast("R", Failed(message=str(error), data=type(error)(str(error))))
        except TransientError as error:
            raise type(error)(str(error)) from None

    return called


def step(task_run_name: str) -> Callable[[Callable[P, R]], Task[P, R]]:
    """Declare a task; ``under`` sets its retries and its timeout for a run."""
    declared = task(
        task_run_name=task_run_name,
        retry_condition_fn=worth_retrying,
        cache_policy=NO_CACHE,  # the store has all results; results kept elsewhere could only differ from it
    )
    return lambda function: declared(in_own_words(function))


def under(policy: RetryPolicy, declared: Task[P, R]) -> Task[P, R]:
    """Return a task with the retries and the timeout of a policy.

    The timeout of an isolated process is enforced by isolation, because Prefect cannot stop a thread.
    """
    return declared.with_options(
        retries=policy.max_retries,
        retry_delay_seconds=[wait.total_seconds() for wait in policy.waits()],
        timeout_seconds=None if isolated() else policy.timeout.total_seconds(),
    )


@step(STAGE)
def stage(job: Job, timeout: timedelta) -> JsonObject:
    """Stage the inputs once for all shards."""
    return pool.stage(job, timeout, get_run_logger())


@step("shard-{shard_id:03d}")
def process_shard(job: Job, shard_id: int, timeout: timedelta) -> JsonObject:
    """Process and commit one shard."""
    return run_shard(job, shard_id, timeout, get_run_logger())


@step(AGGREGATE)
def aggregate(job: Job, timeout: timedelta) -> JsonObject:
    """Aggregate the committed shards and publish the run's output and result."""
    return pool.aggregate(job, timeout, get_run_logger())


@in_own_words
def take_steps(job: Job, policy: RetryPolicy, shard: ShardTask = process_shard, prefix: str = "") -> JsonObject:
    """Take a job through its steps inside a flow, and show in the UI how it ended.

    Args:
        job: The job's fields.
        policy: The policy of the steps.
        shard: Processes one shard.
        prefix: The prefix of the artifacts' keys.
    """
    outlive_worker()
    with artifacts.Summary(job, prefix) as summary:
        check_store(job)
        check_plan(job, policy)
        opened = summary.job = steps.open_run(job)
        with ending.recorded(opened):
            return _take(opened, policy, shard, prefix)


def _take(job: Job, policy: RetryPolicy, shard: ShardTask, prefix: str) -> JsonObject:
    """Take an opened job through the steps that are tasks."""
    # a direct call, in this process and not on a worker of the runner
    staged = under(policy, stage)(job, policy.timeout, return_state=True)
    after = cast("JsonObject", staged)  # Prefect accepts a state, too, and draws an arrow from it
    remaining = staged.result()["remaining_shards"]

    def start(ids: list[int]) -> list[Future]:
        return under(policy, shard).map(unmapped(job), ids, unmapped(policy.timeout), wait_for=upstream(after))

    with artifacts.Progress(job, len(remaining), prefix) as progress:
        shards = process_shards(start, remaining, progress, Outage(job.run_id))
        if failures := {shard: error for shard, future in shards.items() if (error := _error(future))}:
            raise ShardsFailedError.of(job.run_id, failures, job.num_shards, policy.max_retries)
        return under(policy, aggregate)(job, policy.timeout, wait_for=[after, *shards.values()])


def process_shards(
    start: Callable[[list[int]], Iterable[Future]], ids: list[int], progress: artifacts.Progress, outage: Outage
) -> dict[int, Future]:
    """Process shards in parallel, and report their progress; return them when all have ended.

    Args:
        start: Starts shards by their ids.
        ids: The ids of the shards.
        progress: Called for each committed shard.
        outage: Notes how each shard ends.

    Raises:
        StoreError: The store failed for several shards in a row; the runner drops shards that have not started.
    """
    with pool.bound(), ready_processes():
        futures = dict(zip(ids, start(ids), strict=True))
        for future in as_completed(list(futures.values())):
            if (error := _error(future)) is None:
                progress.advance()
            if outage.ended(error):
                raise outage.error()
    return futures


def _error(future: Future) -> BaseException | None:
    result: object = future.result(raise_on_failure=False)
    return result if isinstance(result, BaseException) else None


@flow(
    validate_parameters=False,  # Job.from_json validates, with our messages
    result_serializer="json",  # JSON instead of pickle, because reading a result must not run code
)
def _of_job(job: JsonObject, prefix: str = "") -> JsonObject:
    return take_steps(Job.from_json(job), shard_policy(), prefix=prefix)


def run_flow(job: Job, runner: TaskRunner[Any], *on_running: FlowStateHook[Any, Any], prefix: str = "") -> JsonObject:
    """Run a job as a flow run, named like a deployed one; inside another flow, as its subflow.

    Args:
        job: The job.
        runner: The runner of its shards.
        on_running: Hooks.
        prefix: The prefix of the artifacts' keys; another prefix keeps runs out of the pipeline's history.
    """
    name = "merge-customer-data" if job.pipeline == CUSTOMERS else "run-pipeline"
    own = _of_job.with_options(
        name=name,
        flow_run_name=job.run_id,
        task_runner=runner,
        on_running=list(on_running),
        retries=run_policy().max_retries,
    )
    return own(job.to_json(), prefix)
