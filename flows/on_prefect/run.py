"""Engine "prefect": a job as a Prefect flow, in this process."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from flows.on_prefect.environment import set_defaults
from shared.isolation import pool
from shared.isolation.server import isolated
from shared.run.loading import CUSTOMERS

if TYPE_CHECKING:
    from shared.run.job import Job
    from shared.run.run import JsonObject


def run_on_prefect(job: Job, workers: int, runner: str | None = None, dask_address: str | None = None) -> JsonObject:
    """Run as a Prefect flow, on the server that Prefect's settings name, else on a temporary one.

    Args:
        job: What to run.
        workers: Shards at a time, where the runner is of this machine.
        runner: ``threads``, ``processes`` or ``dask``; default: as ``flows.on_prefect.runners`` says.
        dask_address: A Dask scheduler that runs already.
    """
    set_defaults()
    if "redact" in job.parameters:  # a setting of the worker that runs a flow, not a parameter of it
        os.environ["SHARDWISE_REDACT"] = str(job.parameters["redact"])
    if isolated():
        pool.warm()  # while Prefect is imported
    from flows.on_prefect.runners import check_server, task_runner
    from flows.on_prefect.server import unreachable
    from flows.prefect_flow import merge_customer_data, run_pipeline

    flow: Any = merge_customer_data if job.pipeline == CUSTOMERS else run_pipeline
    chosen = task_runner(runner, workers, dask_address)
    check_server(chosen)
    flow = flow.with_options(task_runner=chosen)
    try:
        result: JsonObject = flow(**flow_parameters(job))
    except RuntimeError as error:
        if "Failed to reach API" not in str(error):
            raise
        raise unreachable() from error
    return result


def flow_parameters(job: Job) -> JsonObject:
    """A job as the parameters of the Prefect flow that runs its pipeline."""
    common = {name: getattr(job, name) for name in ("data_url", "store_url", "num_shards", "run_id")}
    faults = {"faults": [fault.to_json() for fault in job.faults] or None}
    if job.pipeline == CUSTOMERS:
        return common | faults | {"max_rejects": job.parameters["max_rejects"]}
    return common | faults | {"pipeline": job.pipeline, "parameters": dict(job.parameters)}
