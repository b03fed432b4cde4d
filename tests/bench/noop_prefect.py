"""A Prefect flow with the same tasks as the merge that do nothing: what Prefect itself costs."""

from __future__ import annotations

import sys
from typing import Any

from prefect import flow, task, unmapped
from prefect.cache_policies import NO_CACHE
from prefect.task_runners import ThreadPoolTaskRunner

from shared.run.cores import cores

runner: Any = ThreadPoolTaskRunner(max_workers=cores())


@task(cache_policy=NO_CACHE, task_run_name="stage")
def stage(job: dict[str, Any]) -> dict[str, Any]:
    """Do nothing."""
    return job


@task(cache_policy=NO_CACHE, task_run_name="shard-{shard_id}")
def shard(job: dict[str, Any], shard_id: int) -> dict[str, Any]:
    """Do nothing."""
    return job | {"shard": shard_id}


@task(cache_policy=NO_CACHE, task_run_name="aggregate")
def aggregate(job: dict[str, Any]) -> dict[str, Any]:
    """Do nothing."""
    return job


@flow(task_runner=runner)
def noop(num_shards: int) -> None:
    """Map over the shards like the merge does."""
    job = stage({})
    shard.map(unmapped(job), range(num_shards)).result()
    aggregate(job)


if __name__ == "__main__":
    noop(int(sys.argv[1]))
