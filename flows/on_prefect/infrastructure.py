"""Checks where Prefect runs a flow: files of a container are lost when it ends."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext

from shared.run.errors import TerminalError
from shared.run.urls import is_local

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

    from shared.run.job import Job

LASTING = {"process"}  # types of work pools whose runs use the files of their worker's machine


def is_deployed() -> bool:
    """Whether a deployment started the current flow run."""
    run = _flow_run()
    return run is not None and run.deployment_id is not None


def check_store(job: Job) -> None:
    """Refuse a store that is lost when the container of the current flow run ends.

    Raises:
        TerminalError: The store is a folder without a mounted volume, and the run's work pool starts a container.
    """
    run = _flow_run()
    if not is_local(job.store_url) or not run or run.deployment_id is None or _is_mounted(Path(job.store_url)):
        return
    pool = run.work_pool_name
    with get_client(sync_client=True) as client:
        kind = client.read_work_pool(pool).type if pool else "process"
    if kind not in LASTING:
        raise TerminalError(
            f"the store {job.store_url} is a folder inside this run's own container (work pool {pool}, type {kind}), "
            "which is gone when the run ends; set SHARDWISE_STORE_URL to a bucket, or to a folder where a volume is "
            "mounted, in env of the deployment's job_variables or of the work pool: a container does not have the "
            "worker's environment"
        )


def _flow_run() -> FlowRun | None:
    context = FlowRunContext.get()  # prefect.runtime asks the server again for a run without a deployment
    return context.flow_run if context else None


def _is_mounted(folder: Path) -> bool:
    """Whether a folder is on a separate file system, such as a volume."""
    return any(each.is_mount() for each in [folder, *folder.parents][:-1])
