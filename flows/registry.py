"""The one place where engines are registered: the command, the comparison and its columns derive from it."""

from __future__ import annotations

import inspect
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flows.engine.column import Column
from flows.on_prefect.environment import set_defaults
from shared.isolation import pool
from shared.isolation.server import isolated
from shared.run.loading import CUSTOMERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.run.job import Job
    from shared.run.run import JsonObject


def run_on_local(job: Job, workers: int) -> JsonObject:
    """Run without an orchestrator."""
    from flows.local import run_local
    from shared.run.policy import shard_policy

    return run_local(job.to_json(), workers, shard_policy())


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
    from flows.on_prefect.runners import task_runner
    from flows.on_prefect.server import unreachable
    from flows.prefect_flow import merge_customer_data, run_pipeline

    flow: Any = merge_customer_data if job.pipeline == CUSTOMERS else run_pipeline
    flow = flow.with_options(task_runner=task_runner(runner, workers, dask_address))
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


def run_on_render(
    job: Job,
    workers: int,
    render_cli: str | None = None,
    official: bool = False,  # noqa: FBT001, FBT002 — as the command has it
) -> JsonObject:
    """Run as Render Workflows tasks, on the local server that the environment names, else on one for this run.

    Args:
        job: What to run.
        workers: Tasks at a time, on a server for this run that is ours.
        render_cli: The official ``render`` that serves this run.
        official: The same, as found on the PATH.
    """
    from flows.on_render import engine as render_engine
    from flows.on_render.official import find_official

    if official:
        render_cli = find_official()
    return render_engine.run_on_render(job, workers, render_cli)


@dataclass(frozen=True)
class Engine:
    """One way to run a job.

    Attributes:
        name: As ``--engine`` has it.
        run: Takes a job, how many shards at a time, and options of its own; returns the run's result.
        columns: What the comparison shows of it.
        orchestrator: Whether somebody chooses it; the reference is none.
    """

    name: str
    run: Callable[..., JsonObject]
    columns: tuple[Column, ...]
    orchestrator: bool = True

    @property
    def options(self) -> list[str]:
        """The options of the command that only this engine has."""
        return list(inspect.signature(self.run).parameters)[2:]


def run_on_deployment(job: Job, workers: int) -> JsonObject:
    """Run by a Prefect deployment that the comparison made."""
    from flows.on_prefect.columns import caller as deployed

    return deployed.run_on_deployment(job, workers)


def run_on_cloud(job: Job, workers: int) -> JsonObject:
    """Run on Render's cloud."""
    from flows.on_render.columns import cloud_caller as cloud

    return cloud.run_on_cloud(job, workers)


_PREFECT = "flows.on_prefect.columns.in_process:PrefectService"
_RENDER = "flows.on_render.columns.local:RenderService"

_ALL = (
    Engine(
        "local",
        run_on_local,
        (Column("local", "no orchestrator", {"SHARDWISE_ISOLATION": "process"}, ours=True),),
        orchestrator=False,
    ),
    Engine(
        "prefect",
        run_on_prefect,
        (
            Column("prefect", "Prefect as it is", {"SHARDWISE_ISOLATION": "none"}, service=_PREFECT),
            Column(
                "prefect-isolated",
                "Prefect, each step in a process of its own",
                {"SHARDWISE_ISOLATION": "process"},
                ours=True,
                service=_PREFECT,
            ),
            Column(
                "prefect-processpool",
                "Prefect with its own process pool and timeouts",
                {"SHARDWISE_ISOLATION": "none", "SHARDWISE_RUNNER": "processes"},
                service=_PREFECT,
            ),
            Column(
                "prefect-deployed",
                "Prefect as it is, deployed: a worker runs it",
                {"SHARDWISE_ISOLATION": "none"},
                attached=False,
                service="flows.on_prefect.columns.deployed:DeployedService",
                start=run_on_deployment,
            ),
        ),
    ),
    Engine(
        "render",
        run_on_render,
        (
            Column("render", "local stand-in for Render", attached=False, service=_RENDER, stand_in=True),
            Column(
                "render-official",
                "Render's own local server",
                attached=False,
                service="flows.on_render.columns.local:OfficialService",
            ),
            Column(
                "render-cloud",
                "Render's cloud",
                attached=False,
                service="flows.on_render.columns.cloud:CloudService",
                start=run_on_cloud,
            ),
        ),
    ),
)
ENGINES = {engine.name: engine for engine in _ALL}
