"""One cell: a scenario on a column, in a store of its own; what was observed, the verdict, whether it was expected."""

from __future__ import annotations

import os
import shutil
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from flows.compare.judge.firing import HARMLESS, Firing, planned, read_markers, untested
from flows.compare.judge.timing import timing_mismatches
from flows.compare.judge.verdicts import Evidence, judge
from flows.compare.observe.ledgers import History
from flows.compare.observe.outputs import Output
from flows.compare.observe.starts import Caller, Start, start_run
from flows.compare.scenarios.expectations import expected_on
from flows.engine.interruption import Interruption
from flows.engine.verdicts import Absent, Outcome
from shared.faults.actions import FAULT_INJECTION_MARKER
from shared.run.inputs import FileInputs
from shared.run.run import Run
from shared.run.store import open_store, read_json

if TYPE_CHECKING:
    from pathlib import Path

    from flows.compare.observe.context import ComparisonContext
    from flows.engine.column import Column
    from flows.engine.observed_on import ObservedOn
    from flows.engine.record import Record
    from flows.engine.scenario import Expected, Scenario
    from shared.run.job import Job
    from shared.run.policy import RetryPolicy


@dataclass(frozen=True)
class Cell:
    """What became of a scenario on a column.

    Attributes:
        scenario: What was tried.
        column: Where.
        repeat: Counts from 1.
        policy: What was declared, timeout included.
        workers: Slots.
        shards: Of the run.
        starts: How each start of the run ended.
        history: Its attempts.
        output: What it left in its store, and what its caller was answered.
        records: What the engine says of each start; none of engine local.
        continues: Whether something was alive that could still finish the run.
        markers: What the markers of the store say has fired.
        observed_on: What served it, when and where.
        command: What runs this cell again.
        log: The last that its processes wrote.
    """

    scenario: Scenario
    column: Column
    repeat: int
    policy: RetryPolicy
    workers: int
    shards: int
    starts: list[Start]
    history: History
    output: Output
    records: list[Record]
    continues: bool
    markers: set[Firing]
    observed_on: ObservedOn
    command: str
    log: str

    @cached_property
    def untested(self) -> list[str]:
        """Why the cell says nothing about its scenario; empty when all that was planned happened."""
        completed = self.starts[0].completed
        missing = untested(self.scenario.plan, self.markers, self.history, completed=completed)
        if self.scenario.interruption and not self.starts[0].interrupted:
            missing.append("the run was never in its middle, so it was not interrupted")
        return missing

    @cached_property
    def evidence(self) -> Evidence:
        """What the verdict follows from."""
        last, history = self.starts[-1], self.history
        hit = self.scenario.interruption
        disturbing = any(marker.kind not in HARMLESS for marker in self.markers)
        return Evidence(
            completed=last.completed,
            ended=last.ended or last.answered,
            silent_success=last.status == 0 and not last.answered,
            says_running=bool(self.records and self.records[-1].unfinished),
            continues=self.continues,
            published=self.output.finished,
            wrong=self.output.wrong,
            starts=len(self.starts) + (hit is Interruption.START_AGAIN),
            invocations=max(history.attempts, default=1),
            retries=history.retries,
            overlaps=len(history.overlaps),
            deaths=history.deaths,
            disturbed=disturbing or bool(hit and hit.deadly and self.starts[0].interrupted),
            orchestrated=bool(self.column.product),
            isolated=self.column.ours,
        )

    @property
    def verdict(self) -> Outcome:
        """What became of the run; ``not tested`` where the scenario did not happen, unless the run went wrong."""
        verdict = judge(self.evidence)
        return Absent.NOT_TESTED if self.untested and not self.output.wrong else verdict

    @cached_property
    def expected(self) -> Expected:
        """What the column is known to do."""
        expected = expected_on(self.column, self.scenario, self.policy)
        assert expected is not None  # noqa: S101 — or the scenario does not run here
        return expected

    @property
    def expected_attempts(self) -> int | None:
        """Those at the faulted step; None where no single step is faulted."""
        return (self.expected.attempts or self.scenario.attempts) if self.scenario.step else None

    @property
    def attempts(self) -> int | None:
        """The same as they were."""
        return self.history.attempts_at(self.scenario.step) if self.scenario.step else None

    @cached_property
    def mismatches(self) -> list[str]:
        """Where the cell is not as expected or declared; empty when it is."""
        found = list(self.untested)
        if self.verdict is not self.expected.verdict:
            found.append(f"{self.verdict}, expected {self.expected.verdict}")
        if self.attempts != self.expected_attempts:
            found.append(f"{self.attempts} attempts at {self.scenario.step}, expected {self.expected_attempts}")
        if self.history.reprocessed:
            found.append(f"committed shards were processed again: {', '.join(self.history.reprocessed)}")
        plan = () if self.scenario.interruption else self.scenario.plan  # what interrupts ends what hangs, too
        hanging = {(firing.step, firing.attempt) for firing in planned(plan) if firing.kind == "hang"}
        return found + timing_mismatches(self.history, self.policy.timeout, self.workers, hanging)

    @property
    def findings(self) -> list[str]:
        """Where the engine's own record and the evidence disagree, and what outlived its answer or its invocation."""
        found = [
            f"the process of start {number} had answered, and did not end"
            for number, start in enumerate(self.starts, start=1)
            if start.answered and not start.ended
        ]
        for number, record in enumerate(self.records, start=1):
            seen = self.history.attempts.get(number, {})
            for step in sorted(seen.keys() | record.attempts.keys()):
                reported, there = record.attempts.get(step, 0), seen.get(step, 0)
                if reported != there:
                    found.append(
                        f"the engine reports {reported} attempts at {step} in start {number}, the ledger {there}"
                    )
            if record.unfinished:
                found.append(f"the engine says that start {number} is still {record.state}, and it is over")
            if record.orphans:
                found.append(f"{', '.join(record.orphans)} of start {number} ran on after their parent had ended")
        if self.records and self.records[-1].completed and not self.output.finished:
            found.append("the engine says completed, and no result is published")
        two = [f"{wait.step}, retry {wait.retry}" for wait in self.history.waits if wait.clock == "different"]
        if two:
            found.append(f"clocks differ, so these waits are not judged: {'; '.join(two)}")
        crossing = [pair for pair in self.history.overlaps if pair[0].invocation != pair[1].invocation]
        found += [f"{first.name} still ran when {second.name} began" for first, second in crossing]
        return found

    def to_json(self) -> dict[str, Any]:
        """All of it, as compare.json has it."""
        return {
            "scenario": self.scenario.name,
            "column": self.column.name,
            "repeat": self.repeat,
            "verdict": self.verdict,
            "observed_on": self.observed_on.to_json(),
            "tested": not self.untested,
            "as_expected": not self.mismatches,
            "mismatches": self.mismatches,
            "reason": self.expected.reason,
            "attempts": self.attempts,
            "expected_attempts": self.expected_attempts,
            "workers": self.workers,
            "step": self.scenario.step,
            "shards": self.shards,
            "records": self.output.records,
            "evidence": asdict(self.evidence),
            "fired": sorted(map(str, self.markers)),
            "starts": [start.to_json() for start in self.starts],
            "ledger": self.history.to_json(),
            "store": self.output.to_json(),
            "engine": [record.to_json() for record in self.records],
            "findings": self.findings,
            "command": self.command,
            "log": self.log if self.mismatches else "",
        }


def run_cell(context: ComparisonContext, scenario: Scenario, column: Column, repeat: int) -> Cell:
    """Run a scenario on a column, once or twice as it says, and judge what it left behind."""
    folder = context.folder / scenario.name / f"{column.name}-{repeat}"
    folder.mkdir(parents=True)
    service, workers = context.session.serving(column), scenario.workers or context.workers
    job = _job(context, scenario, column, folder)
    env = context.session.environment(column, context.settings(scenario), workers)
    caller = Caller(column.name, workers, env, folder, service)
    deadline = context.deadline(scenario) + service.startup
    starts = [
        start_run(job, caller, deadline, None if again else scenario.interruption)
        for again in range(1 + scenario.run_again)
    ]
    records = service.records(env, job.run_id)
    run = Run(job, open_store(job.store_url))
    continues = service.continues(run)
    service.clear(env, job.run_id)
    history = History.of(
        run, service.declared(context.policy), records, _ended(column, starts), _dead(scenario, run, starts)
    )
    output = Output.of(run, context.reference, starts[-1].answer, context.varying)
    log = (folder / "log").read_text(errors="replace")[-2_000:]
    markers = read_markers(run.store, job.run_id)
    shutil.rmtree(folder, ignore_errors=True)
    return Cell(
        scenario=scenario,
        column=column,
        repeat=repeat,
        policy=service.declared(context.policy_of(scenario)),
        workers=workers,
        shards=job.num_shards,
        starts=starts,
        history=history,
        output=output,
        records=records,
        continues=continues,
        markers=markers,
        observed_on=service.observed_on(),
        command=context.command(scenario, column),
        log=log,
    )


def _ended(column: Column, starts: list[Start]) -> dict[int, datetime]:
    """By invocation: when all that could run its attempts had ended, where that is the caller's own processes."""
    if not column.attached:
        return {}
    return {number: datetime.fromisoformat(start.ended_at) for number, start in enumerate(starts, start=1)}


def _dead(scenario: Scenario, run: Run, starts: list[Start]) -> dict[int, datetime]:
    """The process that opened the run, where the scenario killed it, and when its caller had learned of that."""
    killed = {Interruption.KILL_ORCHESTRATOR, Interruption.KILL_FLOW_AND_WORKER}
    if scenario.interruption not in killed or not starts[0].interrupted:
        return {}
    opened_by: int = read_json(run.store, run.name("invocations/1.json"))["pid"]
    return {opened_by: datetime.fromisoformat(starts[0].ended_at)}


def _job(context: ComparisonContext, scenario: Scenario, column: Column, folder: Path) -> Job:
    store = context.session.serving(column).store_url(folder)
    name = f"compare-{scenario.name}-{column.name}-{os.urandom(4).hex()}"
    data = str(_copied(context.job.data_url, folder / "data")) if scenario.needs_copy else context.job.data_url
    return replace(
        context.job,
        run_id=name,
        data_url=data,
        store_url=store,
        faults=scenario.plan,
    )


def _copied(data_url: str, folder: Path) -> Path:
    """A copy of the sources that may be broken."""
    folder.mkdir()
    (folder / FAULT_INJECTION_MARKER).touch()
    inputs = FileInputs.at(data_url)
    for name in inputs.found():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        with inputs.open(name) as original, (folder / name).open("wb") as copy:
            shutil.copyfileobj(original, copy)
    return folder
