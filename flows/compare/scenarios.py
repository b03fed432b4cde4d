"""What is tried on every engine, as data."""

from __future__ import annotations

from dataclasses import replace

from flows.compare.columns import COLUMNS
from flows.compare.deployed_scenarios import DEPLOYED
from flows.compare.scenario import Expected, Interruption, Scenario
from flows.compare.verdicts import Verdict
from shared.faults.plan import Fault
from shared.run.errors import TerminalError
from shared.run.ledger import STAGE, shard_step
from shared.run.policy import SHARD_POLICY

MIN_SHARDS = 4  # below, nothing is in the middle of a run
MANY = 100_000  # customers: a shard's work takes longer than its start
FAULTED = "shard-002"  # the shard that most plans strike
EVERY_ATTEMPT = tuple(range(1, SHARD_POLICY.max_attempts + 1))
SHORT_TIMEOUT = 2.0  # seconds an attempt may take where something hangs


def _unaffected() -> dict[str, Expected]:
    return dict.fromkeys(COLUMNS, Expected(Verdict.UNAFFECTED))


def _failed() -> dict[str, Expected]:
    return dict.fromkeys(COLUMNS, Expected(Verdict.FAILED))


def _ours() -> dict[str, Expected]:
    return dict.fromkeys(COLUMNS, Expected(Verdict.OURS))


def _retried() -> dict[str, Expected]:
    """An error that every engine sees, and tries again by itself."""
    return dict.fromkeys(COLUMNS, Expected(Verdict.ENGINE)) | {"local": Expected(Verdict.OURS)}


def _survived(**gaps: Expected) -> dict[str, Expected]:
    """The end of a process: a failed attempt where each has a process of its own, the end of the run where none has.

    Args:
        gaps: What differs from that, by column, with ``_`` for ``-``.
    """
    return {
        "local": Expected(Verdict.OURS),
        "prefect": Expected(Verdict.STUCK, 1, _ONE_PROCESS),
        "prefect-isolated": Expected(Verdict.OURS),
        "prefect-processpool": Expected(Verdict.FAILED, 1, "Prefect retries nothing when a process of its pool dies"),
        "prefect-deployed": Expected(Verdict.FAILED, 1, "the run is Crashed, and Prefect retries no run that crashed"),
        "render": Expected(Verdict.ENGINE),
        "render-official": Expected(Verdict.ENGINE),
        "render-cloud": Expected(Verdict.ENGINE),
    } | {name.replace("_", "-"): expected for name, expected in gaps.items()}


def _never_retried() -> dict[str, Expected]:
    gap = "Render has nothing that tells it not to retry an error, so a terminal one costs all attempts and waits"
    on_render = Expected(Verdict.FAILED, SHARD_POLICY.max_attempts, gap)
    return {
        name: on_render if column.engine == "render" else Expected(Verdict.FAILED) for name, column in COLUMNS.items()
    }


def _on_cloud(scenario: Scenario) -> bool:
    """Whether Render's public API is enough for it: no signal, no file and no setting reaches a task from outside."""
    outside = scenario.interruption not in {None, Interruption.CANCEL}
    return not (outside or scenario.needs_copy or scenario.timeout or scenario.customers)


_ONE_PROCESS = "as it is, Prefect runs all shards on threads of one process: the end of one is the end of the flow"
_BLOCKED = "as it is, Prefect runs shards on threads, and no timeout can stop one that blocks"
_SILENT = "the process leaves with exit status 0, and Prefect says Running for ever"
_KILLED = _survived()
_SLOW_TAIL = tuple(Fault("slow", shard_step(shard)) for shard in (1, 2, 3))
_SLOTS = 2  # however many cores: the slow shards must fill them all
_ALL_SLOW = tuple(Fault("slow", shard_step(shard)) for shard in range(1, 8))  # longer than the first wait

_ALL = (
    Scenario(
        "nothing_breaks",
        "An undisturbed run",
        "Do all engines publish the same profiles?",
        _unaffected(),
    ),
    Scenario(
        "at_scale",
        f"An undisturbed run over {MANY:,} customers",
        "Do they still, and what does a profile cost where work outweighs starting it?",
        _unaffected(),
        customers=MANY,
    ),
    Scenario(
        "slow_shard",
        "A shard takes a second longer",
        "Is a slow shard left alone?",
        _unaffected(),
        (Fault("slow", FAULTED),),
        1,
    ),
    Scenario(
        "raise_twice",
        "A shard raises a transient error twice",
        "Do the declared retries and waits mean the same?",
        _retried(),
        (Fault("exception", FAULTED, (1, 2)),),
        3,
    ),
    Scenario(
        "wait_beside_work",
        "A shard waits for its retry while others have work to do",
        "Does waiting hold a place in which another shard could run?",
        _retried(),
        (Fault("exception", shard_step(0)), *_ALL_SLOW),
        2,
        workers=_SLOTS,
    ),
    Scenario(
        "raise_always",
        "A shard fails on every attempt",
        "Does the run fail, name the shard and keep the others?",
        _failed(),
        (Fault("exception", FAULTED, EVERY_ATTEMPT),),
        SHARD_POLICY.max_attempts,
    ),
    Scenario(
        "raise_terminal",
        "A shard raises a terminal error",
        "Is an error that retrying cannot help left alone?",
        _never_retried(),
        (Fault("terminal", FAULTED, EVERY_ATTEMPT),),
        1,
    ),
    Scenario(
        "kill_worker_once",
        "kill -9 of a shard's process before its work",
        "Does a killed worker heal?",
        _KILLED,
        (Fault("kill", FAULTED),),
        2,
    ),
    Scenario(
        "kill_while_staging",
        "kill -9 of the staging's process before its results count",
        "Does a staging that was half done do harm?",
        _survived(prefect_processpool=Expected(Verdict.STUCK, 1, "the staging runs in the flow's own process")),
        (Fault("torn_write", STAGE),),
        2,
    ),
    Scenario(
        "torn_write_once",
        "kill -9 between the write of the profiles and their commit",
        "Can half a write be read?",
        _KILLED,
        (Fault("torn_write", FAULTED),),
        2,
    ),
    Scenario(
        "crash_after_commit_once",
        "kill -9 between the commit and the report of it",
        "Is a shard that is done done twice?",
        _KILLED,
        (Fault("crash_after_commit", FAULTED),),
        2,
    ),
    Scenario(
        "hang_once",
        "A shard never returns",
        "Does a timeout stop a body that blocks?",
        _survived(
            prefect=Expected(Verdict.STUCK, 1, _BLOCKED),
            prefect_processpool=Expected(Verdict.ENGINE),
            prefect_deployed=Expected(Verdict.STUCK, 1, _BLOCKED),
            render_official=Expected(Verdict.STUCK, 1, "Render's own local server enforces no timeout"),
        ),
        (Fault("hang", FAULTED),),
        2,
        timeout=SHORT_TIMEOUT,
        deadline=30.0,
    ),
    Scenario(
        "exit_without_result_once",
        "A shard's process leaves with exit status 0 and without a result",
        "Is silence taken for success?",
        _survived(
            prefect=Expected(Verdict.STUCK, 1, _SILENT),
            prefect_deployed=Expected(Verdict.STUCK, 1, _SILENT),
        ),
        (Fault("exit_without_result", FAULTED),),
        2,
        timeout=SHORT_TIMEOUT,
        deadline=30.0,
    ),
    Scenario(
        "out_of_memory_once",
        "A shard is refused memory",
        "Does a lack of memory heal?",
        _retried(),
        (Fault("out_of_memory", FAULTED),),
        2,
    ),
    Scenario(
        "disk_full_once",
        "The disk is full when a shard writes",
        "Does a full disk heal, and leave nothing half written?",
        _retried(),
        (Fault("disk_full", FAULTED),),
        2,
    ),
    Scenario(
        "duplicate_attempt",
        "Another process does the same shard at the same time, and commits first",
        "Can a shard be written twice?",
        _ours(),
        (Fault("duplicate_attempt", FAULTED),),
        2,
    ),
    Scenario(
        "source_vanishes",
        "A source file vanishes while it is staged",
        "Is a source that is gone noticed, although its rows were read?",
        _never_retried(),
        (Fault("source_vanishes", STAGE),),
        1,
    ),
    Scenario(
        "kill_orchestrator_then_run_again",
        "kill -9 of the orchestrator's process in the middle of a run, and the run again",
        "Does running again do only what is missing?",
        _ours(),
        _SLOW_TAIL,
        interruption=Interruption.KILL_ORCHESTRATOR,
        run_again=True,
    ),
    Scenario(
        "cancel_mid_run",
        "Ctrl-C in the middle of a run",
        "Does a canceled run publish nothing, and keep what is committed?",
        _failed(),
        _SLOW_TAIL,
        interruption=Interruption.CANCEL,
    ),
    Scenario(
        "parent_runs_again",
        "A shard fails for good, and the whole run is started again",
        "Does a second start of the parent repeat the shards that are done?",
        _ours(),
        (Fault("exception", FAULTED, EVERY_ATTEMPT),),
        SHARD_POLICY.max_attempts + 1,
        run_again=True,
    ),
)


def _only_possible(scenario: Scenario) -> Scenario:
    if _on_cloud(scenario):
        return scenario
    return replace(scenario, expected={name: e for name, e in scenario.expected.items() if name != "render-cloud"})


SCENARIOS = {scenario.name: _only_possible(scenario) for scenario in (*_ALL, *DEPLOYED)}


def find_scenarios(names: str, *, slow: bool = False) -> list[Scenario]:
    """The scenarios of a list like ``hang_once,raise_twice``, or ``all``; a TerminalError names what is unknown.

    Args:
        names: The list.
        slow: Whether ``all`` includes those that take minutes.
    """
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    if unknown := [name for name in wanted if name not in {*SCENARIOS, "all"}]:
        raise TerminalError(f"--scenarios has {', '.join(unknown)}; known are all, {', '.join(SCENARIOS)}")
    if not wanted:
        raise TerminalError(f"--scenarios is empty; known are all, {', '.join(SCENARIOS)}")
    return [each for each in SCENARIOS.values() if each.name in wanted or ("all" in wanted and (slow or not each.slow))]
