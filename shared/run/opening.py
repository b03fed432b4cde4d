"""Checks before a run is opened, and generated data for a job without data."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from shared.run.errors import StoreError, TerminalError
from shared.run.run import Run
from shared.run.settings import Settings, variable_of
from shared.run.urls import DATA_NAMED, is_local

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from shared.run.job import Job
    from shared.run.policy import RetryPolicy

GENERATED = 1_000  # records to generate for a job without data


def check_allowed(run: Run) -> None:
    """Refuse planned faults unless this worker allows them, so that a request alone cannot inject faults."""
    if run.job.faults and not Settings.read().allow_faults:
        raise TerminalError(
            f"this worker does not allow planned faults; to allow them, set {variable_of('allow_faults')}=true"
        )


def check_plan(job: Job, policy: RetryPolicy) -> None:
    """Refuse faults for attempts that the policy does not allow, because they can never fire."""
    late = [attempt for fault in job.faults for attempt in fault.attempts if attempt > policy.max_attempts]
    if late:
        raise TerminalError(
            f"a fault's attempts are {late!r:.80}; the policy allows those from 1 to {policy.max_attempts}"
        )


def in_cloud() -> bool:
    """Whether this process runs on Render's cloud, which sets a variable."""
    return os.environ.get("RENDER") == "true"


def check_shareable(run: Run) -> None:
    """Refuse a local store on Render's cloud, where each task has its own disk."""
    if in_cloud() and is_local(run.job.store_url):
        raise TerminalError(
            f"the store {run.job.store_url} is a local folder, which tasks on Render do not share; "
            "set SHARDWISE_STORE_URL to a bucket, such as s3://my-bucket/shardwise"
        )


def with_data(run: Run) -> Run:
    """Return the run, over generated data if no data is named and the pipeline can generate some."""
    generate = run.pipeline.generate
    if run.job.data_url or generate is None:
        return run
    if not is_local(run.job.store_url):
        raise TerminalError(f"no data is set, and data is generated only in a local store; set it {DATA_NAMED}")
    folder = f"generated/{run.pipeline.name}-v{run.pipeline.version}"
    if not run.store.names(folder):
        _fill(run, folder, generate)
    return Run(replace(run.job, data_url=f"{run.store.url}/{folder}"), run.store)


def _fill(run: Run, folder: str, generate: Callable[[Path, int, int], None]) -> None:
    try:
        with run.store.publishing_folder(folder) as path:
            generate(path, GENERATED, 1)
    except (OSError, StoreError):
        if not run.store.names(folder):  # if it fails, another run generated the same data at the same time
            raise
