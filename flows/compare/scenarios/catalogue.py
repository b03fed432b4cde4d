"""What is tried on every engine, as data."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from flows.compare.judge.verdicts import Verdict
from flows.compare.scenarios.expectations import (
    HANGS,
    KILLED,
    KILLED_IN_FLOW,
    LEAVES,
    everywhere,
    never_retried,
    possible,
    process_ends,
    retried,
)
from flows.compare.scenarios.scenario import Scenario
from flows.engine.interruption import Interruption
from flows.on_prefect.columns.scenarios import COLUMN as DEPLOYED_COLUMN
from flows.on_prefect.columns.scenarios import DEPLOYED
from shared.faults.plan import Fault
from shared.run.errors import TerminalError
from shared.run.ledger import AGGREGATE, STAGE, shard_step
from shared.run.policy import RetryPolicy
from shared.run.settings import Settings

MIN_SHARDS = 8  # the plans break and slow down shards 0 to 7
MANY = 100_000  # records: a shard's work takes longer than its start
FAULTED = "shard-002"  # the shard that most plans break
SHORT_TIMEOUT = 4.0  # seconds an attempt may take where something hangs
SHORT_DEADLINE = 15.0  # seconds after which a run that only a timeout could save counts as stuck
# Prefect's own processes differ from its threads in how a step's process ends; where that shows.
_SHOWN_BY_POOL = {"nothing_breaks", "kill_worker_once", "hang_once", "exit_without_result_once"}
# A deployed flow runs its steps as an undeployed one does; where only a step breaks, and that tells the same again.
_SAID_BY_PREFECT = {
    "raise_always",
    "source_vanishes",
    "kill_while_staging",
    "crash_after_commit_once",
    "two_faults",
    "kill_on_last_attempt",
    "parent_runs_again",
}
_SLOTS = 2  # however many cores: the slow shards must fill them all
_SLOW_TAIL = tuple(Fault("slow", shard_step(shard)) for shard in (1, 2, 3))


def scenarios_for(policy: RetryPolicy, shards: int) -> dict[str, Scenario]:
    """All scenarios by name.

    Args:
        policy: Of the steps; what a scenario promises follows from it.
        shards: Of a run, for scenarios that break all of them.
    """
    groups = (
        _undisturbed(),
        _errors(policy),
        _ends(policy),
        _several(policy, shards),
        _aggregation(policy),
        _starts(policy),
        DEPLOYED,
    )
    return {each.name: replace(each, expected=possible(each)) for group in groups for each in group}


def _undisturbed() -> tuple[Scenario, ...]:
    unaffected = everywhere(Verdict.UNAFFECTED)
    return (
        Scenario(
            "nothing_breaks",
            "An undisturbed run",
            "Do all engines publish the same?",
            unaffected,
            measured=True,
        ),
        Scenario(
            "at_scale",
            f"An undisturbed run over {MANY:,} records",
            "Do they still, and what does a record cost where work outweighs starting it?",
            unaffected,
            generated=MANY,
        ),
        Scenario(
            "hundred_shards",
            "An undisturbed run in 100 shards",
            "How soon does work begin where there is more of it?",
            unaffected,
            shards=100,
            deadline=300.0,
            measured=True,
            slow=True,
        ),
        Scenario(
            "thousand_shards",
            "An undisturbed run in 1,000 shards",
            "How soon does work begin where there is far more of it?",
            unaffected,
            shards=1_000,
            deadline=1_800.0,
            slow=True,
        ),
        Scenario(
            "slow_shard",
            "A shard takes a second longer",
            "Is a slow shard left alone?",
            unaffected,
            (Fault("slow", FAULTED),),
            1,
            slow=True,
        ),
    )


def _errors(policy: RetryPolicy) -> tuple[Scenario, ...]:
    """Errors that a step raises."""
    every = tuple(range(1, policy.max_attempts + 1))
    once, failed = min(2, policy.max_attempts), everywhere(Verdict.FAILED)
    long = next(iter(policy.waits()), timedelta()) >= timedelta(seconds=1)
    busy = tuple(Fault("slow", shard_step(shard)) for shard in range(1, 8 if long else 4))  # longer than the wait
    return (
        Scenario(
            "raise_twice",
            "A shard raises a transient error twice",
            "Do the declared retries and waits mean the same?",
            retried(policy, 2),
            (Fault("exception", FAULTED, every[:2]),),
            min(3, policy.max_attempts),
            measured=True,
        ),
        Scenario(
            "wait_beside_work",
            "A shard waits for its retry while others have work to do",
            "Does waiting hold a slot in which another shard could run?",
            retried(policy),
            (Fault("exception", shard_step(0)), *busy),
            once,
            workers=_SLOTS,
            measured=True,
        ),
        Scenario(
            "raise_always",
            "A shard fails on every attempt",
            "Does the run fail, name the shard and keep the others?",
            failed,
            (Fault("exception", FAULTED, every),),
            policy.max_attempts,
        ),
        Scenario(
            "raise_terminal",
            "A shard raises a terminal error",
            "Is an error that retrying cannot help left alone?",
            never_retried(policy),
            (Fault("terminal", FAULTED, every),),
            1,
        ),
        Scenario(
            "out_of_memory_once",
            "A shard is refused memory",
            "Is a lack of memory retried?",
            retried(policy),
            (Fault("out_of_memory", FAULTED),),
            once,
            slow=True,
        ),
        Scenario(
            "disk_full_once",
            "The disk is full when a shard writes",
            "Is a full disk retried, and nothing half written kept?",
            retried(policy),
            (Fault("disk_full", FAULTED),),
            once,
            slow=True,
        ),
        Scenario(
            "store_away_once",
            "The store is away for a moment when a shard commits",
            "Is a commit that did not come through retried?",
            retried(policy),
            (Fault("store_away", FAULTED),),
            once,
            slow=True,
        ),
        Scenario(
            "source_vanishes",
            "A source file vanishes while it is staged",
            "Is a source that is gone noticed, although its rows were read?",
            never_retried(policy),
            (Fault("source_vanishes", STAGE),),
            1,
        ),
    )


def _ends(policy: RetryPolicy) -> tuple[Scenario, ...]:
    """Processes that die, hang, or leave; two attempts at once."""
    once, killed = min(2, policy.max_attempts), process_ends(policy, KILLED)
    return (
        Scenario(
            "kill_worker_once",
            "kill -9 of a shard's process before its work",
            "Is the shard of a killed worker retried?",
            killed,
            (Fault("kill", FAULTED),),
            once,
        ),
        Scenario(
            "kill_while_staging",
            "kill -9 of the staging's process before its results count",
            "Does a staging that was half done do harm?",
            process_ends(policy, KILLED_IN_FLOW),
            (Fault("torn_write", STAGE),),
            once,
        ),
        Scenario(
            "torn_write_once",
            "kill -9 between the write of a shard's file and its commit",
            "Can half a write be read?",
            killed,
            (Fault("torn_write", FAULTED),),
            once,
        ),
        Scenario(
            "crash_after_commit_once",
            "kill -9 between the commit and the report of it",
            "Is a shard that is done processed again?",
            killed,
            (Fault("crash_after_commit", FAULTED),),
            once,
        ),
        Scenario(
            "hang_once",
            "A shard never returns",
            "Does a timeout stop a body that blocks?",
            process_ends(policy, HANGS),
            (Fault("hang", FAULTED),),
            once,
            timeout=SHORT_TIMEOUT,
            deadline=SHORT_DEADLINE,
        ),
        Scenario(
            "exit_without_result_once",
            "A shard's process leaves with exit status 0 and without a result",
            "Is silence taken for success?",
            process_ends(policy, LEAVES),
            (Fault("exit_without_result", FAULTED),),
            once,
            timeout=SHORT_TIMEOUT,
            deadline=SHORT_DEADLINE,
        ),
        Scenario(
            "duplicate_attempt",
            "Another process does the same shard at the same time, and commits first",
            "Can a shard count twice?",
            everywhere(Verdict.OURS),
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
            process_ends(policy, KILLED),
            (Fault("kill", FAULTED), Fault("exception", shard_step(5))),
        ),
        Scenario(
            "kill_on_last_attempt",
            "A shard raises errors, and is killed on its last attempt",
            "Does the run end with an error, and keep the others?",
            process_ends(policy, KILLED, policy.max_attempts),
            (*errors, Fault("kill", FAULTED, (policy.max_attempts,))),
            policy.max_attempts,
        ),
        Scenario(
            "every_shard_raises",
            "Every shard raises an error once",
            "Does a run survive a failure that hits all of it?",
            retried(policy),
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
            retried(policy),
            (Fault("exception", AGGREGATE),),
            once,
            slow=True,
        ),
        Scenario(
            "kill_while_aggregating",
            "kill -9 of the aggregation's process before its result counts",
            "Can half a result be read?",
            process_ends(policy, KILLED_IN_FLOW),
            (Fault("torn_write", AGGREGATE),),
            once,
        ),
        Scenario(
            "store_away_while_aggregating",
            "The store is away for a moment when the result is published",
            "Is a result that could not be published published later?",
            retried(policy),
            (Fault("store_away", AGGREGATE),),
            once,
            slow=True,
        ),
    )


def _starts(policy: RetryPolicy) -> tuple[Scenario, ...]:
    """What happens to a whole run, and its second start."""
    ours = everywhere(Verdict.OURS)
    return (
        Scenario(
            "kill_orchestrator_then_run_again",
            "kill -9 of the orchestrator's process in the middle of a run, and the run again",
            "Does running again do only what is missing?",
            ours,
            _SLOW_TAIL,
            interruption=Interruption.KILL_ORCHESTRATOR,
            run_again=True,
        ),
        Scenario(
            "cancel_mid_run",
            "Ctrl-C in the middle of a run",
            "Does a canceled run publish nothing, and keep what is committed?",
            everywhere(Verdict.FAILED),
            _SLOW_TAIL,
            interruption=Interruption.CANCEL,
        ),
        Scenario(
            "parent_runs_again",
            "A shard fails after all retries, and the whole run is started again",
            "Does a second start of the parent repeat the shards that are done?",
            ours,
            (Fault("exception", FAULTED, tuple(range(1, policy.max_attempts + 1))),),
            policy.max_attempts + 1,
            run_again=True,
        ),
    )


SCENARIOS = scenarios_for(RetryPolicy.of(Settings()), 10)  # under the policy by default


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


def telling(scenarios: list[Scenario]) -> list[Scenario]:
    """The same without the cells of a column that tell nothing which another column does not."""
    return [replace(each, expected={c: e for c, e in each.expected.items() if _tells(c, each)}) for each in scenarios]


def _tells(column: str, scenario: Scenario) -> bool:
    if column == "prefect-processpool":
        return scenario.name in _SHOWN_BY_POOL
    return column != DEPLOYED_COLUMN or scenario.name not in _SAID_BY_PREFECT
