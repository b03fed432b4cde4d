"""Scenarios about a whole run, and its second start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.compare.scenarios.common import FAULTED, SLOW_TAIL, all_attempts
from flows.engine.interruption import Interruption
from flows.engine.scenario import Kind, Scenario
from shared.faults.plan import Fault

if TYPE_CHECKING:
    from shared.run.policy import RetryPolicy


def interrupted() -> tuple[Scenario, ...]:
    """The orchestrator is killed, or the caller cancels."""
    return (
        Scenario(
            "kill_orchestrator_then_run_again",
            "kill -9 of the orchestrator's process in the middle of a run, and the run again",
            "Does running again do only what is missing?",
            Kind.STARTED_AGAIN,
            SLOW_TAIL,
            interruption=Interruption.KILL_ORCHESTRATOR,
            run_again=True,
        ),
        Scenario(
            "kill_orchestrator_with_run_retries",
            "kill -9 of the orchestrator's process in the middle of a run that may be retried once",
            "Does a run's own retry resume it?",
            Kind.RUN_DIES,
            SLOW_TAIL,
            interruption=Interruption.KILL_ORCHESTRATOR,
            run_retries=1,
            slow=True,
        ),
        Scenario(
            "cancel_mid_run",
            "Ctrl-C in the middle of a run",
            "Does a canceled run publish nothing, and keep what is committed?",
            Kind.CANCELED,
            SLOW_TAIL,
            interruption=Interruption.CANCEL,
        ),
    )


def started_again(policy: RetryPolicy) -> tuple[Scenario, ...]:
    """A run that failed, was canceled, or has finished is started again."""
    return (
        Scenario(
            "parent_runs_again",
            "A shard fails after all retries, and the whole run is started again",
            "Does a second start of the parent repeat the shards that are done?",
            Kind.STARTED_AGAIN,
            (Fault("exception", FAULTED, all_attempts(policy)),),
            policy.max_attempts + 1,
            run_again=True,
        ),
        Scenario(
            "cancel_then_run_again",
            "Ctrl-C in the middle of a run, and the run again",
            "Can a canceled run be resumed?",
            Kind.STARTED_AGAIN,
            SLOW_TAIL,
            interruption=Interruption.CANCEL,
            run_again=True,
            slow=True,
        ),
        Scenario(
            "run_again_after_end",
            "A run that has finished is started again",
            "Does an aggregation that runs twice do harm?",
            Kind.STARTED_AGAIN,
            run_again=True,
            slow=True,
        ),
        Scenario(
            "resume_with_new_staging",
            "A shard fails after all retries, the staging is removed, and the run is started again",
            "Do shards of two stagings fit together?",
            Kind.STARTED_AGAIN,
            (Fault("exception", FAULTED, all_attempts(policy)),),
            policy.max_attempts + 1,
            run_again=True,
            without_staging=True,
            slow=True,
        ),
    )
