"""What is tried on every engine, as data."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from flows.engine.interruption import Interruption
from flows.engine.scenario import Kind, Scenario
from shared.faults.plan import Fault
from shared.run.errors import TerminalError
from shared.run.step_names import AGGREGATE, STAGE, shard_step

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flows.engine.engine import Engine
    from shared.run.policy import RetryPolicy

MIN_SHARDS = 8  # the plans break and slow down shards 0 to 7
MANY = 100_000  # records: a shard's work takes longer than its start
FAULTED = "shard-002"  # the shard that most plans break
SHORT_TIMEOUT = 4.0  # seconds an attempt may take where something hangs
SHORT_DEADLINE = 15.0  # seconds after which a run that only a timeout could save counts as stuck
_SLOTS = 2  # however many cores: the slow shards must fill them all
_SLOW_TAIL = tuple(Fault("slow", shard_step(shard)) for shard in (1, 2, 3))


def scenarios_for(policy: RetryPolicy, shards: int, engines: Iterable[Engine]) -> dict[str, Scenario]:
    """All scenarios by name.

    Args:
        policy: Of the steps; what a scenario promises follows from it.
        shards: Of a run, for scenarios that break all of them.
        engines: Those whose own scenarios follow.
    """
    groups = (
        _undisturbed(),
        _errors(policy),
        _ends(policy),
        _several(policy, shards),
        _aggregation(policy),
        _starts(policy),
        *(engine.scenarios for engine in engines),
    )
    return {each.name: each for group in groups for each in group}


def _undisturbed() -> tuple[Scenario, ...]:
    return (
        Scenario(
            "nothing_breaks",
            "An undisturbed run",
            "Do all engines publish the same?",
            Kind.NOTHING,
            measured=True,
        ),
        Scenario(
            "at_scale",
            f"An undisturbed run over {MANY:,} records",
            "Do they still, and what does a record cost where work outweighs starting it?",
            Kind.NOTHING,
            generated=MANY,
        ),
        Scenario(
            "hundred_shards",
            "An undisturbed run in 100 shards",
            "How soon does work begin where there is more of it?",
            Kind.NOTHING,
            shards=100,
            deadline=300.0,
            measured=True,
            slow=True,
        ),
        Scenario(
            "thousand_shards",
            "An undisturbed run in 1,000 shards",
            "How soon does work begin where there is far more of it?",
            Kind.NOTHING,
            shards=1_000,
            deadline=1_800.0,
            slow=True,
        ),
        Scenario(
            "slow_shard",
            "A shard takes a second longer",
            "Is a slow shard left alone?",
            Kind.NOTHING,
            (Fault("slow", FAULTED),),
            1,
            slow=True,
        ),
    )


def _errors(policy: RetryPolicy) -> tuple[Scenario, ...]:
    """Errors that a step raises."""
    every = tuple(range(1, policy.max_attempts + 1))
    once = min(2, policy.max_attempts)
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
            workers=_SLOTS,
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
            "The store is away for a moment when a shard commits",
            "Is a commit that did not come through retried?",
            Kind.ERROR,
            (Fault("store_away", FAULTED),),
            once,
            slow=True,
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


def _ends(policy: RetryPolicy) -> tuple[Scenario, ...]:
    """Processes that die, hang, or leave; two attempts at once."""
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
        Scenario(
            "hang_once",
            "A shard never returns",
            "Does a timeout stop a body that blocks?",
            Kind.HANGS,
            (Fault("hang", FAULTED),),
            once,
            timeout=SHORT_TIMEOUT,
            deadline=SHORT_DEADLINE,
        ),
        Scenario(
            "exit_without_result_once",
            "A shard's process leaves with exit status 0 and without a result",
            "Is silence taken for success?",
            Kind.LEAVES,
            (Fault("exit_without_result", FAULTED),),
            once,
            timeout=SHORT_TIMEOUT,
            deadline=SHORT_DEADLINE,
        ),
        Scenario(
            "duplicate_attempt",
            "Another process does the same shard at the same time, and commits first",
            "Can a shard count twice?",
            Kind.TWO_ATTEMPTS,
            (Fault("duplicate_attempt", FAULTED),),
            2,
        ),
    )


def _several(policy: RetryPolicy, shards: int) -> tuple[Scenario, ...]:
    """More than one fault in a run."""
    before_last = tuple(range(1, policy.max_attempts))
    errors = [Fault("exception", FAULTED, before_last)] if before_last else []
    return (
        Scenario(
            "two_faults",
            "A shard is killed, and another raises an error",
            "Does one recovery disturb another?",
            Kind.SHARD_DIES,
            (Fault("kill", FAULTED), Fault("exception", shard_step(5))),
        ),
        Scenario(
            "kill_on_last_attempt",
            "A shard raises errors, and is killed on its last attempt",
            "Does the run end with an error, and keep the others?",
            Kind.SHARD_DIES,
            (*errors, Fault("kill", FAULTED, (policy.max_attempts,))),
            policy.max_attempts,
            failures=policy.max_attempts,
        ),
        Scenario(
            "every_shard_raises",
            "Every shard raises an error once",
            "Does a run survive a failure that hits all of it?",
            Kind.ERROR,
            tuple(Fault("exception", shard_step(shard)) for shard in range(shards)),
            slow=True,
        ),
    )


def _aggregation(policy: RetryPolicy) -> tuple[Scenario, ...]:
    """Faults when all shards are done and the result is made."""
    once = min(2, policy.max_attempts)
    return (
        Scenario(
            "raise_while_aggregating",
            "The aggregation raises a transient error",
            "Is the last step retried like the others?",
            Kind.ERROR,
            (Fault("exception", AGGREGATE),),
            once,
            slow=True,
        ),
        Scenario(
            "kill_while_aggregating",
            "kill -9 of the aggregation's process before its result counts",
            "Can half a result be read?",
            Kind.STEP_DIES,
            (Fault("torn_write", AGGREGATE),),
            once,
        ),
        Scenario(
            "store_away_while_aggregating",
            "The store is away for a moment when the result is published",
            "Is a result that could not be published published later?",
            Kind.ERROR,
            (Fault("store_away", AGGREGATE),),
            once,
            slow=True,
        ),
    )


def _starts(policy: RetryPolicy) -> tuple[Scenario, ...]:
    """What happens to a whole run, and its second start."""
    return (
        Scenario(
            "kill_orchestrator_then_run_again",
            "kill -9 of the orchestrator's process in the middle of a run, and the run again",
            "Does running again do only what is missing?",
            Kind.STARTED_AGAIN,
            _SLOW_TAIL,
            interruption=Interruption.KILL_ORCHESTRATOR,
            run_again=True,
        ),
        Scenario(
            "cancel_mid_run",
            "Ctrl-C in the middle of a run",
            "Does a canceled run publish nothing, and keep what is committed?",
            Kind.CANCELED,
            _SLOW_TAIL,
            interruption=Interruption.CANCEL,
        ),
        Scenario(
            "parent_runs_again",
            "A shard fails after all retries, and the whole run is started again",
            "Does a second start of the parent repeat the shards that are done?",
            Kind.STARTED_AGAIN,
            (Fault("exception", FAULTED, tuple(range(1, policy.max_attempts + 1))),),
            policy.max_attempts + 1,
            run_again=True,
        ),
    )


def find_scenarios(names: str, known: dict[str, Scenario], *, slow: bool) -> list[Scenario]:
    """The scenarios of a list like ``hang_once,raise_twice``; a TerminalError names what is unknown.

    Args:
        names: The list; empty takes all that are not slow.
        known: By name.
        slow: Whether an empty list takes the slow ones, too.
    """
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    if unknown := [name for name in wanted if name not in known]:
        raise TerminalError(f"--scenarios has {', '.join(unknown)}; known are {', '.join(known)}")
    if wanted:
        return [each for each in known.values() if each.name in wanted]
    return [each for each in known.values() if slow or not each.slow]
