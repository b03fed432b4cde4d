"""Engine "prefect": a job as a Prefect flow, in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.on_prefect.environment import set_defaults
from shared.isolation import pool
from shared.isolation.server import isolated

if TYPE_CHECKING:
    from shared.run.job import Job
    from shared.run.run import JsonObject


def run_job(job: Job, workers: int, runner: str | None = None, dask_address: str | None = None) -> JsonObject:
    """Run as a Prefect flow, on the server that Prefect's settings name, else on a temporary one.

    Args:
        job: What to run.
        workers: Shards at a time, where the runner is of this machine.
        runner: ``threads``, ``processes`` or ``dask``; default: as ``flows.on_prefect.runners`` says.
        dask_address: A Dask scheduler that runs already.

    Raises:
        StoppedError: Somebody has cancelled the flow run on the server.
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
