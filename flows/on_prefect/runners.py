"""Chooses where Prefect runs shards: threads of the flow's process, a process pool, or a Dask cluster."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, nullcontext
from multiprocessing import parent_process, resource_tracker
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner

from flows.on_prefect.server import START, api_url
from shared.isolation import pool
from shared.isolation.server import SAFE_PATH, isolated, process_context, safe_path, set_safe_path, starting
from shared.run import steps
from shared.run.cores import cores
from shared.run.errors import TerminalError
from shared.run.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta

    from distributed import LocalCluster
    from prefect.task_runners import TaskRunner

    from shared.run.job import Job
    from shared.run.log import Logger
    from shared.run.run import JsonObject

# Threads are the default: each passes its shard to a warm process, which takes 4 ms per task, while Dask takes 60 to
# 400 ms. Dask is for shards on several machines.
RUNNERS = ("threads", "processes", "dask")
LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def task_runner(
    name: str | None = None, workers: int | None = None, dask_address: str | None = None
) -> TaskRunner[Any]:
    """Return the runner of a flow.

    Args:
        name: One of ``RUNNERS``; default: ``SHARDWISE_RUNNER``, then dask when there is an address, then threads.
        workers: Shards at a time; default: ``SHARDWISE_WORKERS``, then the processors of this machine. A cluster that
            runs already has its own.
        dask_address: A scheduler that runs already, such as ``tcp://10.0.0.5:8786``; default:
            ``SHARDWISE_DASK_ADDRESS``, then a cluster of this machine's processes for the time of the run.

    Raises:
        TerminalError: An unknown name, an address without Dask, or Dask is not installed.
    """
    settings = Settings.read()
    dask_address = dask_address or settings.dask_address
    name = name or settings.runner or ("dask" if dask_address else "threads")
    if name not in RUNNERS:
        raise TerminalError(f"the runner is {name!r}; it must be one of {', '.join(RUNNERS)}")
    workers = workers or settings.workers or cores()
    if name == "dask":
        return _dask(workers, dask_address)
    if dask_address:
        raise TerminalError(f"the runner is {name}, and {dask_address} is the address of a Dask scheduler; choose dask")
    return _processes(workers) if name == "processes" else ThreadPoolTaskRunner(workers)


def upstream(state: JsonObject) -> list[JsonObject]:
    """Return what submitted tasks wait for, so that the UI draws an arrow from it; it has already ended.

    Prefect's process pool accepts only futures, not states.
    """
    return [] if _in_pool() else [state]


def check_server(runner: TaskRunner[Any]) -> None:
    """Refuse a temporary server if shards run on other machines, which cannot reach it.

    Raises:
        TerminalError: The message names the cluster, and the variable to set.
    """
    address = getattr(runner, "address", None)
    if address and api_url() is None and urlsplit(address).hostname not in LOOPBACK:
        raise TerminalError(
            f"the workers of the Dask cluster at {address} cannot reach the temporary server that Prefect starts for "
            f"this run; {START} at an address that they reach, and set PREFECT_API_URL to it"
        )


@contextmanager
def ready_processes() -> Iterator[None]:
    """Let processes of a runner that start in this block import what this one imports, and use its server.

    Prefect passes its settings on to them. Without the server's address, each process would start a temporary server,
    and some servers would outlive the run.
    """
    with safe_path() if _in_pool() else nullcontext():
        if api_url():
            yield
            return
        with get_client(sync_client=True) as client:
            url = str(client.api_url)
        with temporary_settings({PREFECT_API_URL: url}):
            yield


def run_shard(job: Job, shard_id: int, timeout: timedelta, logger: Logger) -> JsonObject:
    """Process a shard: in its own process if the runner uses threads, otherwise in the runner's process."""
    in_one = _on_dask() or parent_process() is not None
    if in_one:
        return steps.process_shard(job, shard_id, logger)
    return pool.process_shard(job, shard_id, timeout, logger)


def _in_pool() -> bool:
    """Whether the tasks of this flow run in Prefect's process pool."""
    context = FlowRunContext.get()
    return context is not None and isinstance(context.task_runner, ProcessPoolTaskRunner)


def _processes(workers: int) -> TaskRunner[Any]:
    """Return Prefect's process pool; its processes start others with the environment of this process."""
    with starting():
        resource_tracker.ensure_running()  # for the pool's queue, which Prefect creates
    return ProcessPoolTaskRunner(workers, initializer=set_safe_path, initargs=(os.environ.get(SAFE_PATH),))


def _dask(workers: int, address: str | None) -> TaskRunner[Any]:
    try:
        from prefect_dask.task_runners import DaskTaskRunner
    except ImportError as error:
        raise TerminalError(f"the runner dask needs prefect-dask: pip install 'shardwise[dask]' ({error})") from error
    if address:
        return DaskTaskRunner(address=address)
    cluster = {"n_workers": workers, "threads_per_worker": 1, "dashboard_address": None}
    return DaskTaskRunner(cluster_class=_local_cluster, cluster_kwargs=cluster)


def _local_cluster(**options: Any) -> LocalCluster:  # noqa: ANN401 — Dask's
    """Provide a cluster whose processes start like isolated ones, with this process's environment."""
    import dask
    from distributed import LocalCluster

    if isolated():
        dask.config.set({"distributed.worker.multiprocessing-method": process_context().get_start_method()})
    return LocalCluster(**options, env=dict(os.environ))  # type: ignore[no-untyped-call]


def _on_dask() -> bool:
    """Whether this is a task of a Dask worker, in which Dask is already imported."""
    if (distributed := sys.modules.get("distributed")) is None:
        return False
    try:
        distributed.get_worker()
    except ValueError:
        return False
    return True
