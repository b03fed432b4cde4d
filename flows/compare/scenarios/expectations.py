"""What columns are known to do when something breaks; a column that falls short of the policy has a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.compare.columns import COLUMNS
from flows.compare.judge.verdicts import Verdict
from flows.compare.scenarios.scenario import Expected
from flows.engine.interruption import Interruption

if TYPE_CHECKING:
    from flows.compare.scenarios.scenario import Scenario
    from shared.run.policy import RetryPolicy

By = dict[str, Expected]

CLOUD = "render-cloud"
ONE_PROCESS = "as it is, Prefect runs all shards on threads of one process: the end of one is the end of the flow"
POOL = "Prefect retries nothing when a process of its pool dies"
CRASHED = "the run is Crashed, and Prefect retries no run that crashed"
BLOCKED = "as it is, Prefect runs shards on threads, and no timeout can stop one that blocks"
SILENT = "the process leaves with exit status 0, and Prefect says Running for ever"
IN_FLOW = "{} runs in the flow's own process"
NO_TIMEOUT = "Render's own local server enforces no timeout"
NEVER_TERMINAL = "Render cannot be told not to retry an error, so a terminal one costs all attempts and waits"
# How a whole run ends that one step's process ends, by column; the reason is known.
KILLED = {
    "prefect": Expected(Verdict.STUCK, reason=ONE_PROCESS),
    "prefect-processpool": Expected(Verdict.FAILED, reason=POOL),
    "prefect-deployed": Expected(Verdict.FAILED, reason=CRASHED),
}
KILLED_IN_FLOW = KILLED | {"prefect-processpool": Expected(Verdict.STUCK, reason=IN_FLOW.format("the step"))}
HANGS = {
    "prefect": Expected(Verdict.STUCK, reason=BLOCKED),
    "prefect-deployed": Expected(Verdict.STUCK, reason=BLOCKED),
    "render-official": Expected(Verdict.STUCK, reason=NO_TIMEOUT),
}
LEAVES = {
    "prefect": Expected(Verdict.STUCK, reason=SILENT),
    "prefect-processpool": Expected(Verdict.FAILED, reason=POOL),
    "prefect-deployed": Expected(Verdict.STUCK, reason=SILENT),
}


def everywhere(verdict: Verdict) -> By:
    """The same on each column."""
    return dict.fromkeys(COLUMNS, Expected(verdict))


def retried(policy: RetryPolicy, failures: int = 1) -> By:
    """An error that every engine sees, and tries again by itself as often as the policy allows."""
    if failures > policy.max_retries:
        return everywhere(Verdict.FAILED)
    return {name: Expected(Verdict.ENGINE if column.product else Verdict.OURS) for name, column in COLUMNS.items()}


def process_ends(policy: RetryPolicy, whole_run: By, failures: int = 1) -> By:
    """The end of a step's process: an attempt that failed, unless it ends the whole run.

    Args:
        policy: Of the steps.
        whole_run: Where it does, and how that ends.
        failures: Attempts that end before one goes through; the last of them ends the process.
    """
    ours = {name: Expected(Verdict.OURS if column.ours else Verdict.ENGINE) for name, column in COLUMNS.items()}
    recovered = everywhere(Verdict.FAILED) if failures > policy.max_retries else ours
    return recovered | {
        name: Expected(expected.verdict, failures, expected.reason) for name, expected in whole_run.items()
    }


def never_retried(policy: RetryPolicy) -> By:
    """An error that retrying cannot help."""
    gaps = {
        name: Expected(Verdict.FAILED, policy.max_attempts, NEVER_TERMINAL)
        for name, column in COLUMNS.items()
        if column.product == "render" and policy.max_retries
    }
    return everywhere(Verdict.FAILED) | gaps


def possible(scenario: Scenario) -> By:
    """What a scenario expects, without Render's cloud where no signal, file or setting reaches a task from outside."""
    outside = scenario.interruption not in {None, Interruption.CANCEL}
    reachable = not (outside or scenario.needs_copy or scenario.timeout or scenario.generated)
    return {name: expected for name, expected in scenario.expected.items() if reachable or name != CLOUD}
