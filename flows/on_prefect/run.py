"""Engine "prefect": runs a job as a Prefect flow in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.on_prefect.environment import set_defaults
from shared.isolation import pool
from shared.isolation.server import isolated

if TYPE_CHECKING:
    from shared.run.job import Job
    from shared.run.run import JsonObject


def run_job(job: Job, workers: int, runner: str | None = None, dask_address: str | None = None) -> JsonObject:
    """Run a job as a Prefect flow, on the server of Prefect's settings, else on a temporary one.

    Args:
        job: The job.
        workers: The number of parallel shards, if the runner is on this machine.
        runner: ``threads``, ``processes`` or ``dask``; the default is that of ``flows.on_prefect.runners``.
        dask_address: The address of a running Dask scheduler.

    Raises:
        StoppedError: The flow run was cancelled on the server.
    """
    set_defaults()
    if isolated():
        pool.warm()  # while Prefect is imported
    from flows.on_prefect.cancelling import CancelWatch
    from flows.on_prefect.runners import check_server, task_runner
    from flows.on_prefect.tasks import run_flow
    from flows.on_prefect.temporary import ensure_server

    chosen = task_runner(runner, workers, dask_address)
    check_server(chosen)
    with CancelWatch(shown=ensure_server()) as watch:
        return run_flow(job, chosen, watch.begin)
