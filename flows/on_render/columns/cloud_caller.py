"""Starts a run on Render's cloud through the public API, records it, and polls until it ends."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.on_render.api import RenderApi
from flows.on_render.columns.cloud import RUNS, endpoint
from flows.on_render.columns.cloud_notes import note, read_notes, root_of
from flows.on_render.follow import follow, task_of
from shared.run.errors import TransientError
from shared.run.policy import RUN_TIMEOUT
from shared.run.settings import SAMPLE_DATA
from shared.run.urls import is_local

if TYPE_CHECKING:
    from shared.run.job import Job

FIELDS = "pipeline", "run_id", "store_url", "num_shards", "parameters", "faults"


def run_on_cloud(job: Job, _workers: int) -> dict[str, Any]:
    """Run a job on the workflow of the environment; the worker has its own sample and generates its own data.

    Raises:
        TransientError: The run failed or vanished, or Render does not answer.
    """
    file = Path(os.environ[RUNS])
    number = sum(each["run_id"] == job.run_id for each in read_notes(file)) + 1
    given = {name: job.to_json()[name] for name in FIELDS} | _data(job.data_url)
    entry = {"run_id": job.run_id, "key": f"{job.run_id}-{number}", "task": task_of(job.pipeline), "given": given}
    note(file, entry)
    with RenderApi(endpoint()) as api:
        root = root_of(api, entry)
        note(file, {"key": entry["key"], "root": root})
        try:
            return follow(api, root, RUN_TIMEOUT.total_seconds())
        except KeyboardInterrupt:
            with suppress(TransientError):
                api.cancel(root)
            raise


def _data(url: str) -> dict[str, str]:
    if url == str(SAMPLE_DATA):
        return {"data_url": SAMPLE_DATA.name}  # relative to the checkout in which the worker runs
    return {} if is_local(url) else {"data_url": url}
