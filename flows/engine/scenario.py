"""A scenario: planned faults and interruptions, and what the policy promises."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from flows.engine.interruption import Interruption
from flows.engine.verdicts import Verdict  # noqa: TC001 — pydantic reads the annotations

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.faults.plan import Fault


class Kind(StrEnum):
    """The kinds of events that engines handle differently."""

    NOTHING = "nothing that needs recovery"
    ERROR = "a step raises an error"
    TERMINAL = "a step raises an error that retrying cannot help"
    SHARD_DIES = "the process of a shard is killed"
    STEP_DIES = "the process of the staging or of the aggregation is killed"
    HANGS = "a step never returns"
    LEAVES = "the process of a shard leaves without a result"
    TWO_ATTEMPTS = "two attempts at one step run at once"
    STARTED_AGAIN = "the run is started again"
    RUN_DIES = "the process that runs the other steps is killed, and the run has retries"
    CANCELED = "the run is canceled"


@dataclass(frozen=True)
class Expected:
    """The expected result of a column.

    Attributes:
        verdict: The expected verdict.
        attempts: The expected attempts at the faulted step, if they differ from what the policy promises.
        reason: Why a column does not keep the promise; empty if it does.
    """

    verdict: Verdict
    attempts: int | None = None
    reason: str = ""


@dataclass(frozen=True)
class Scenario:
    """One scenario.

    Attributes:
        name: The name in ``--scenarios``.
        title: One line.
        purpose: The question that it answers.
        expects: The kind of event, which determines the expected result of each column. An engine's own scenario has
            the expected results of its columns.
        plan: The planned faults.
        attempts: The attempts at the faulted step that the policy promises, over all starts; None if no single step is
            faulted.
        failures: Attempts at the faulted step that fail before one succeeds.
        interruption: What happens to the run from outside.
        run_again: Whether the run is started a second time with the same run_id, without an interruption.
        without_staging: Whether its staging is removed before that, as by ``shardwise clean``.
        short_timeout: Whether an attempt gets a short timeout, because one never ends by itself.
        deadline: Seconds that a start may take, waits not counted, before it counts as never ended; None derives it
            from a run without faults.
        generated: The number of generated records; None uses the comparison's data.
        workers: The number of parallel shards, if a known number of slots must be filled; None uses the comparison's.
        shards: The number of shards; None uses the comparison's.
        measured: Whether its timings are reported, so that it is repeated.
        run_retries: Retries of the whole run.
        slow: Whether it runs only by name or with ``--all``.
    """

    name: str
    title: str
    purpose: str
    expects: Kind | Mapping[str, Expected]
    plan: tuple[Fault, ...] = ()
    attempts: int | None = None
    failures: int = 1
    interruption: Interruption | None = None
    run_again: bool = False
    without_staging: bool = False
    short_timeout: bool = False
    deadline: float | None = None
    generated: int | None = None
    workers: int | None = None
    shards: int | None = None
    measured: bool = False
    run_retries: int = 0
    slow: bool = False

    @property
    def step(self) -> str | None:
        """The faulted step in the ledger; None if there is no single one."""
        steps = {fault.step for fault in self.plan if fault.kind != "slow"} or {fault.step for fault in self.plan}
        return steps.pop() if len(steps) == 1 else None

    @property
    def alone(self) -> bool:
        """Whether it runs alone: its timings are reported, or it disturbs what serves other columns."""
        restarts = self.interruption is Interruption.RESTART_SERVER
        resumed = self.interruption is not None and self.run_again
        return restarts or resumed or self.measured or bool(self.generated or self.shards)

    @property
    def calibrates(self) -> bool:
        """Whether it measures how long a run without faults takes, with the data and shards of the other scenarios."""
        return not (self.plan or self.interruption or self.generated or self.shards)

    @property
    def needs_copy(self) -> bool:
        """Whether it changes the sources, and needs a copy of them."""
        return any(fault.kind == "source_vanishes" for fault in self.plan)

    @property
    def reaches_in(self) -> bool:
        """Whether it needs a signal, a setting or files where the steps run; a canceled caller does not."""
        outside = self.interruption not in {None, Interruption.CANCEL}
        return outside or self.needs_copy or self.without_staging or bool(self.short_timeout or self.generated)
