"""A Prefect flow that starts a deployment run for each shard, as teams do to isolate work."""

from __future__ import annotations

import os
from datetime import timedelta  # noqa: TC003 — Prefect reads the annotations
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from prefect import flow, get_run_logger
from prefect.deployments import run_deployment

from flows.on_prefect.columns.caller import settings_passed_on
from flows.on_prefect.columns.deployed import DEPLOYMENT
from flows.on_prefect.runners import task_runner
from flows.on_prefect.tasks import step, take_steps
from shared.run import steps
from shared.run.errors import TerminalError, TransientError
from shared.run.job import Job
from shared.run.policy import shard_policy
from shared.run.step_names import shard_step

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

JsonObject = dict[str, Any]
POLL_INTERVAL = 0.5  # seconds


@flow(timeout_seconds=shard_policy().timeout.total_seconds(), validate_parameters=False, result_serializer="json")
def process_one_shard(job: JsonObject, shard_id: int) -> JsonObject:
    """Process and commit one shard; the entry point of the deployment."""
    return steps.process_shard(Job.from_json(job), shard_id, get_run_logger())


@step("shard-{shard_id:03d}")
def process_elsewhere(job: Job, shard_id: int, timeout: timedelta) -> JsonObject:
    """Have a run of the deployment process a shard; the attempt fails if that run fails or crashes."""
    del timeout  # the deployment's flow has the retries
    run = run_deployment(
        UUID(os.environ[DEPLOYMENT]),
        parameters={"job": job.to_json(), "shard_id": shard_id},
        flow_run_name=f"{job.run_id}-{shard_step(shard_id)}",
        job_variables={"env": settings_passed_on()},
        poll_interval=POLL_INTERVAL,
        as_subflow=False,
    )
    state = cast("FlowRun", run).state
    if state is None or not state.is_completed():
        told = f"the flow run of {shard_step(shard_id)} is {state and state.name}: {state and state.message}"
        raise TerminalError(told) if f"{TerminalError.__name__}:" in told else TransientError(told)
    return {}  # the store has the result


@flow(validate_parameters=False, result_serializer="json")
def _parent(job: JsonObject) -> JsonObject:
    return take_steps(Job.from_json(job), shard_policy(), process_elsewhere)


def run_per_shard(job: Job, workers: int) -> JsonObject:
    """Run a job in this process, and each of its shards with the deployment that the environment names."""
    own = _parent.with_options(name="per-shard", flow_run_name=job.run_id, task_runner=task_runner("threads", workers))
    return own(job.to_json())
