"""Engine "prefect", and its columns in the comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.engine.column import Column
from flows.engine.engine import Engine
from flows.on_prefect.columns.expectations import BY_POOL, DEPLOYED, ON_THREADS
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

# Prefect's own processes differ from its threads in how a step's process ends; where that shows.
_SHOWN_BY_POOL = {"nothing_breaks", "kill_worker_once", "hang_once", "exit_without_result_once"}
# A deployed flow runs its steps as an undeployed one does; where only a step breaks, and that tells the same again.
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


def _run_on_deployment(job: Job, workers: int) -> JsonObject:
    """Run by a Prefect deployment that the comparison made."""
    from flows.on_prefect.columns.caller import run_on_deployment

    return run_on_deployment(job, workers)


def _shown_by_pool(scenario: Scenario) -> bool:
    return scenario.name in _SHOWN_BY_POOL


def _shown_by_deployment(scenario: Scenario) -> bool:
    return scenario.name not in _SAID_BY_THREADS


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
            "Prefect as it is",
            {"SHARDWISE_ISOLATION": "none"},
            service=_server,
            known=ON_THREADS,
        ),
        Column(
            "prefect-isolated",
            "Prefect, each step in a process of its own",
            {"SHARDWISE_ISOLATION": "process"},
            ours=True,
            service=_server,
        ),
        Column(
            "prefect-processpool",
            "Prefect with its own process pool and timeouts",
            {"SHARDWISE_ISOLATION": "none", "SHARDWISE_RUNNER": "processes"},
            service=_server,
            known=BY_POOL,
            tells=_shown_by_pool,
        ),
        Column(
            "prefect-deployed",
            "Prefect as it is, deployed: a worker runs it",
            {"SHARDWISE_ISOLATION": "none"},
            attached=False,
            service=_deployed,
            start=_run_on_deployment,
            known=DEPLOYED,
            tells=_shown_by_deployment,
        ),
    ),
    scenarios=SCENARIOS,
    prices=PRICES,
    hints=hints,
    promises=PROMISES,
    distributions=("prefect",),
    target=_target,
)
