"""Errors that a step raises."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from flows.compare.scenarios.common import FAULTED, SLOTS, all_attempts
from flows.engine.scenario import Kind, Scenario
from shared.faults.plan import Fault
from shared.run.step_names import STAGE, shard_step

if TYPE_CHECKING:
    from shared.run.policy import RetryPolicy


def raised(policy: RetryPolicy) -> tuple[Scenario, ...]:
    """Raised by the work itself."""
    every, once = all_attempts(policy), min(2, policy.max_attempts)
    long = next(iter(policy.waits()), timedelta()) >= timedelta(seconds=1)
    busy = tuple(Fault("slow", shard_step(shard)) for shard in range(1, 8 if long else 4))  # longer than the wait
    return (
        Scenario(
            "raise_twice",
            "A shard raises a transient error twice",
            "Do the declared retries and waits mean the same?",
            Kind.ERROR,
            (Fault("exception", FAULTED, every[:2]),),
            min(3, policy.max_attempts),
            failures=2,
            measured=True,
        ),
        Scenario(
            "wait_beside_work",
            "A shard waits for its retry while others have work to do",
            "Does waiting hold a slot in which another shard could run?",
            Kind.ERROR,
            (Fault("exception", shard_step(0)), *busy),
            once,
            workers=SLOTS,
            measured=True,
        ),
        Scenario(
            "raise_always",
            "A shard fails on every attempt",
            "Does the run fail, name the shard and keep the others?",
            Kind.ERROR,
            (Fault("exception", FAULTED, every),),
            policy.max_attempts,
            failures=policy.max_attempts,
        ),
        Scenario(
            "raise_terminal",
            "A shard raises a terminal error",
            "Is an error that retrying cannot help left alone?",
            Kind.TERMINAL,
            (Fault("terminal", FAULTED, every),),
            1,
        ),
    )


def caused_around(policy: RetryPolicy) -> tuple[Scenario, ...]:
    """Caused by what surrounds the work: memory, disk, store, sources."""
    once = min(2, policy.max_attempts)
    return (
        Scenario(
            "out_of_memory_once",
            "A shard is refused memory",
            "Is a lack of memory retried?",
            Kind.ERROR,
            (Fault("out_of_memory", FAULTED),),
            once,
            slow=True,
        ),
        Scenario(
            "disk_full_once",
            "The disk is full when a shard writes",
            "Is a full disk retried, and nothing half written kept?",
            Kind.ERROR,
            (Fault("disk_full", FAULTED),),
            once,
            slow=True,
        ),
        Scenario(
            "store_away_once",
            "The store is unavailable for a moment when a shard commits",
            "Is work whose commit failed repeated without harm?",
            Kind.ERROR,
            (Fault("store_away", FAULTED),),
            once,
        ),
        Scenario(
            "source_vanishes",
            "A source file vanishes while it is staged",
            "Is a source that is gone noticed, although its rows were read?",
            Kind.TERMINAL,
            (Fault("source_vanishes", STAGE),),
            1,
        ),
    )
