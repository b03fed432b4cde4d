"""Engine "prefect", and its columns in the comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.engine.column import Column
from flows.engine.engine import Engine
from flows.on_prefect.columns.expectations import (
    BY_DASK,
    BY_DEPLOYMENT,
    BY_POOL,
    DEPLOYED,
    IN_CALLER,
    ON_THREADS,
    SHIPPED,
)
from flows.on_prefect.columns.facts import PRICES, PROMISES, hints
from flows.on_prefect.columns.scenarios import SCENARIOS
from flows.on_prefect.run import run_job

if TYPE_CHECKING:
    from flows.engine.scenario import Scenario
    from flows.engine.service import Service
    from flows.engine.session import Session
    from flows.engine.target import Target
    from shared.run.job import Job
    from shared.run.run import JsonObject

# In Prefect's own processes, the end of a step's process has another effect than on its threads.
_SHOWN_BY_POOL = {"nothing_breaks", "kill_worker_once", "hang_once", "exit_without_result_once"}
# A deployed flow runs its steps like an undeployed one, so these scenarios would show the same result again.
_SAID_BY_THREADS = {
    "raise_always",
    "source_vanishes",
    "kill_while_staging",
    "crash_after_commit_once",
    "two_faults",
    "kill_on_last_attempt",
    "parent_runs_again",
}


def _server(session: Session) -> Service:
    from flows.on_prefect.columns.in_process import PrefectService

    return session.of(PrefectService)


def _deployed(session: Session) -> Service:
    from flows.on_prefect.columns.deployed import DeployedService

    return session.of(DeployedService)


def _shipped(session: Session) -> Service:
    from flows.on_prefect.columns.shipped import ShippedService

    return session.of(ShippedService)


def _run_on_deployment(job: Job, workers: int) -> JsonObject:
    """Run with a Prefect deployment of the comparison."""
    from flows.on_prefect.columns.caller import run_on_deployment

    return run_on_deployment(job, workers)


def _run_on_shipped(job: Job, workers: int) -> JsonObject:
    """Run with a deployment of the comparison that is like those of deployments/prefect.yaml."""
    from flows.on_prefect.columns.caller import run_on_shipped

    return run_on_shipped(job, workers)


def _dask(session: Session) -> Service:
    from flows.on_prefect.columns.dask import DaskService

    return session.of(DaskService)


def _per_shard(session: Session) -> Service:
    from flows.on_prefect.columns.per_shard_service import PerShardService

    return session.of(PerShardService)


def _run_per_shard(job: Job, workers: int) -> JsonObject:
    """Run with a flow that starts a deployment run for each shard."""
    from flows.on_prefect.columns.per_shard import run_per_shard

    return run_per_shard(job, workers)


def _shown_by_pool(scenario: Scenario) -> bool:
    return scenario.name in _SHOWN_BY_POOL


def _shown_by_deployment(scenario: Scenario) -> bool:
    return scenario.name not in _SAID_BY_THREADS


def _nothing_new(_scenario: Scenario) -> bool:
    """Return a column that runs only by name or with ``--all``."""
    return False


def _target() -> Target:
    from flows.on_prefect.target import PrefectFlow

    return PrefectFlow()


ENGINE = Engine(
    "prefect",
    "Prefect",
    run_job,
    (
        Column(
            "prefect",
            "Prefect's defaults",
            {"SHARDWISE_ISOLATION": "none"},
            service=_server,
            known=ON_THREADS,
        ),
        Column(
            "prefect-isolated",
            "Prefect, each step in its own process",
            {"SHARDWISE_ISOLATION": "process"},
            ours=True,
            service=_server,
            known=IN_CALLER,
        ),
        Column(
            "prefect-processpool",
            "Prefect with its process pool and timeouts",
            {"SHARDWISE_ISOLATION": "none", "SHARDWISE_RUNNER": "processes"},
            service=_server,
            known=BY_POOL,
            tells=_shown_by_pool,
        ),
        Column(
            "prefect-deployed",
            "Prefect's defaults, deployed: a worker runs it",
            {"SHARDWISE_ISOLATION": "none"},
            attached=False,
            service=_deployed,
            start=_run_on_deployment,
            known=DEPLOYED,
            tells=_shown_by_deployment,
        ),
        Column(
            "prefect-shipped",
            "Prefect as this project deploys it: isolated steps, heartbeats, restarts",
            {"SHARDWISE_ISOLATION": "process"},
            ours=True,
            attached=False,
            service=_shipped,
            start=_run_on_shipped,
            known=SHIPPED,
            tells=_nothing_new,
        ),
        Column(
            "prefect-dask",
            "Prefect with Dask: shards in the processes of a cluster",
            {"SHARDWISE_ISOLATION": "none", "SHARDWISE_RUNNER": "dask"},
            reruns=True,
            service=_dask,
            known=BY_DASK,
            tells=_nothing_new,
        ),
        Column(
            "prefect-per-shard",
            "Prefect with a deployment run for each shard",
            {"SHARDWISE_ISOLATION": "none"},
            attached=False,
            service=_per_shard,
            start=_run_per_shard,
            known=BY_DEPLOYMENT,
            tells=_nothing_new,
        ),
    ),
    scenarios=SCENARIOS,
    prices=PRICES,
    hints=hints,
    promises=PROMISES,
    distributions=("prefect",),
    target=_target,
)
