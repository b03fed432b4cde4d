"""Processes that die, hang or exit; two parallel attempts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.compare.scenarios.common import FAULTED
from flows.engine.scenario import Kind, Scenario
from shared.faults.plan import Fault
from shared.run.step_names import STAGE

if TYPE_CHECKING:
    from shared.run.policy import RetryPolicy


def killed(policy: RetryPolicy) -> tuple[Scenario, ...]:
    """A process is killed at different moments of its work."""
    once = min(2, policy.max_attempts)
    return (
        Scenario(
            "kill_worker_once",
            "kill -9 of a shard's process before its work",
            "Is the shard of a killed worker retried?",
            Kind.SHARD_DIES,
            (Fault("kill", FAULTED),),
            once,
        ),
        Scenario(
            "kill_while_staging",
            "kill -9 of the staging's process before its results count",
            "Does a staging that was half done do harm?",
            Kind.STEP_DIES,
            (Fault("torn_write", STAGE),),
            once,
        ),
        Scenario(
            "kill_midway_once",
            "kill -9 in the middle of a shard's work",
            "Is half-finished work repeated without harm?",
            Kind.SHARD_DIES,
            (Fault("kill_midway", FAULTED),),
            once,
        ),
        Scenario(
            "torn_write_once",
            "kill -9 between the write of a shard's file and its commit",
            "Can half a write be read?",
            Kind.SHARD_DIES,
            (Fault("torn_write", FAULTED),),
            once,
        ),
        Scenario(
            "crash_after_commit_once",
            "kill -9 between the commit and the report of it",
            "Is a shard that is done processed again?",
            Kind.SHARD_DIES,
            (Fault("crash_after_commit", FAULTED),),
            once,
        ),
    )


def silent(policy: RetryPolicy) -> tuple[Scenario, ...]:
    """A process says nothing more, or another one does the same."""
    once = min(2, policy.max_attempts)
    return (
        Scenario(
            "hang_once",
            "A shard never returns",
            "Does a timeout stop a body that blocks?",
            Kind.HANGS,
            (Fault("hang", FAULTED),),
            once,
            short_timeout=True,
        ),
        Scenario(
            "exit_without_result_once",
            "A shard's process leaves with exit status 0 and without a result",
            "Does silence count as success?",
            Kind.LEAVES,
            (Fault("exit_without_result", FAULTED),),
            once,
            short_timeout=True,
        ),
        Scenario(
            "duplicate_attempt",
            "Another process does the same shard at the same time, and commits first",
            "Can a shard count twice?",
            Kind.TWO_ATTEMPTS,
            (Fault("duplicate_attempt", FAULTED),),
            2,
        ),
        Scenario(
            "overlap_midway",
            "A shard stops in the middle of its work until another process has done it",
            "Can two attempts that do not know of each other do harm?",
            Kind.TWO_ATTEMPTS,
            (Fault("overlap_midway", FAULTED),),
            2,
        ),
        Scenario(
            "two_stagings",
            "Another process stages at the same time, and commits first",
            "Can shards read two stagings?",
            Kind.TWO_ATTEMPTS,
            (Fault("duplicate_attempt", STAGE),),
            2,
            slow=True,
        ),
    )
