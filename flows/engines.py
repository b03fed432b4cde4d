"""The engines by name, and one way to run a job on each."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from shared.isolation import pool
from shared.run.errors import TransientError
from shared.run.loading import CUSTOMERS

if TYPE_CHECKING:
    from shared.run.job import Job
    from shared.run.run import JsonObject

# What every process of ours that talks to Prefect wants, unless its environment says otherwise.
PREFECT_ENVIRONMENT = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # Prefect's own 20 s are short for a first start on a busy machine.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
}


def run_on_local(job: Job, workers: int) -> JsonObject:
    """Run without an orchestrator."""
    from flows.local import run_local

    return run_local(job.to_json(), workers)


def run_on_prefect(job: Job, workers: int, runner: str | None = None, dask_address: str | None = None) -> JsonObject:
    """Run as a Prefect flow, on the server that ``PREFECT_API_URL`` names, else on a temporary one.

    Args:
        job: What to run.
        workers: Shards at a time, where the runner is of this machine.
        runner: ``threads`` or ``dask``; default: as ``flows.on_prefect.runners`` says.
        dask_address: A Dask scheduler that runs already.
    """
    for name, value in PREFECT_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if "redact" in job.parameters:  # a setting of the worker that runs a flow, not a parameter of it
        os.environ["SHARDWISE_REDACT"] = str(job.parameters["redact"])
    if pool.isolated():
        pool.warm(workers)  # its workers import what they need while Prefect does
    from flows.on_prefect.runners import task_runner
    from flows.prefect_flow import merge_customer_data, run_pipeline

    merging = job.pipeline == CUSTOMERS
    flow: Any = merge_customer_data if merging else run_pipeline
    own = (
        {"max_rejects": job.parameters["max_rejects"]}
        if merging
        else {
            "pipeline": job.pipeline,
            "parameters": dict(job.parameters),
        }
    )
    common = {name: getattr(job, name) for name in ("data_url", "store_url", "num_shards", "run_id")}
    faults = [fault.to_json() for fault in job.faults] or None
    flow = flow.with_options(task_runner=task_runner(runner, workers, dask_address))
    try:
        result: JsonObject = flow(**common, **own, faults=faults)
    except RuntimeError as error:
        if "Failed to reach API" not in str(error):
            raise
        url = os.environ.get("PREFECT_API_URL")
        raise TransientError(
            f"no Prefect server answers at {url}; "
            "start one by `prefect server start`, or unset PREFECT_API_URL to run without"
        ) from error
    return result


def run_on_render(job: Job, workers: int, render_cli: str | None = None) -> JsonObject:
    """Run as Render Workflows tasks, on the local server that the environment names, else on one for this run.

    Args:
        job: What to run.
        workers: Tasks at a time, on a server for this run that is ours.
        render_cli: The official ``render`` that shall serve this run.
    """
    from flows.on_render import engine as render_engine

    return render_engine.run_on_render(job, workers, render_cli)


ENGINES = {"local": run_on_local, "prefect": run_on_prefect, "render": run_on_render}
