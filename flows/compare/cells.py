"""One cell: a scenario on a column, in a store of its own; what was observed, the verdict, whether it was expected."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from flows.compare.ledgers import History
from flows.compare.outputs import Output
from flows.compare.records import Record, read_prefect, read_render
from flows.compare.servers import cancel_unfinished
from flows.compare.starts import Start, start_run
from flows.compare.verdicts import Verdict, judge
from shared.faults.actions import FAULT_INJECTION_MARKER
from shared.run.inputs import FileInputs
from shared.run.run import Run
from shared.run.store import open_store

if TYPE_CHECKING:
    from pathlib import Path

    from flows.compare.columns import Column
    from flows.compare.context import Place
    from flows.compare.scenario import Expected, Scenario
    from shared.run.job import Job


@dataclass(frozen=True)
class Cell:
    """What became of a scenario on a column.

    Attributes:
        scenario: What was tried.
        column: Where.
        repeat: Counts from 1.
        verdict: What became of it.
        starts: How each start of the run ended.
        history: Its attempts.
        output: What it left in its store.
        records: What the engine says of each start; none of engine local.
        log: The last that its processes said.
    """

    scenario: Scenario
    column: Column
    repeat: int
    verdict: Verdict
    starts: list[Start]
    history: History
    output: Output
    records: list[Record]
    log: str

    @property
    def expected(self) -> Expected:
        """What the column is known to do."""
        return self.scenario.expected[self.column.name]

    @property
    def expected_attempts(self) -> int | None:
        """Those at the struck step; None where no single step is struck."""
        return self.expected.attempts or self.scenario.attempts

    @property
    def attempts(self) -> int | None:
        """The same as they were."""
        return self.history.attempts_at(self.scenario.step) if self.scenario.step else None

    @property
    def surprises(self) -> list[str]:
        """Where the cell is not as expected; empty when it is."""
        found = []
        if self.verdict is not self.expected.verdict:
            found.append(f"{self.verdict}, expected {self.expected.verdict}")
        if self.attempts != self.expected_attempts:
            found.append(f"{self.attempts} attempts at {self.scenario.step}, expected {self.expected_attempts}")
        if self.scenario.interruption and not self.starts[0].interrupted:
            found.append("the run was never in its middle, so it was not interrupted")
        if self.history.redone:
            found.append(f"committed shards were done again: {', '.join(self.history.redone)}")
        return found

    @property
    def findings(self) -> list[str]:
        """Where the engine's own record and the evidence disagree."""
        found = []
        for number, record in enumerate(self.records, start=1):
            seen = self.history.attempts.get(number, {})
            for step in sorted(seen.keys() | record.attempts.keys()):
                told, there = record.attempts.get(step, 0), seen.get(step, 0)
                if told != there:
                    found.append(f"the engine tells {told} attempts at {step} in start {number}, the ledger {there}")
            if record.unfinished:
                found.append(f"the engine says that start {number} is still {record.state}, and it is over")
        if self.records and self.records[-1].completed and not self.output.finished:
            found.append("the engine says completed, and no result is published")
        return found

    @property
    def command(self) -> str:
        """What runs this cell again."""
        return f"shardwise compare --scenarios {self.scenario.name} --engines {self.column.name}"

    def to_json(self) -> dict[str, Any]:
        """All of it, as compare.json has it."""
        return {
            "scenario": self.scenario.name,
            "column": self.column.name,
            "repeat": self.repeat,
            "verdict": self.verdict,
            "as_expected": not self.surprises,
            "surprises": self.surprises,
            "reason": self.expected.reason,
            "attempts": self.attempts,
            "expected_attempts": self.expected_attempts,
            "starts": [start.to_json() for start in self.starts],
            "ledger": self.history.to_json(),
            "store": self.output.to_json(),
            "engine": [record.to_json() for record in self.records],
            "findings": self.findings,
            "command": self.command,
            "log": self.log if self.surprises else "",
        }


def run_cell(place: Place, scenario: Scenario, column: Column, repeat: int) -> Cell:
    """Run a scenario on a column, once or twice as it says, and judge what it left behind."""
    folder = place.folder / scenario.name / f"{column.name}-{repeat}"
    folder.mkdir(parents=True)
    job = _job(place, scenario, column, folder)
    env = place.servers.environment(column, place.settings(scenario))
    starts = []
    for number in range(1 + scenario.run_again):
        interruption = scenario.interruption if number == 0 else None
        deadline = place.deadline(scenario)
        starts.append(
            start_run(job, column.engine, place.workers, env, folder, deadline=deadline, interruption=interruption)
        )
    records = _records(place, column, env, job)
    run = Run(job, open_store(job.store_url))
    history, output = History.of(run, place.policy, records), Output.of(run, place.reference)
    verdict = judge(column, starts, history, output)
    log = (folder / "log").read_text(errors="replace")[-2_000:]
    shutil.rmtree(folder, ignore_errors=True)
    return Cell(scenario, column, repeat, verdict, starts, history, output, records, log)


def _job(place: Place, scenario: Scenario, column: Column, folder: Path) -> Job:
    name = f"compare-{scenario.name}-{column.name}-{os.urandom(4).hex()}"
    data = str(_copied(place.job.data_url, folder / "data")) if scenario.needs_copy else place.job.data_url
    return replace(place.job, run_id=name, data_url=data, store_url=str(folder / "store"), faults=scenario.plan)


def _copied(data_url: str, folder: Path) -> Path:
    """A copy of the sources that may be broken."""
    folder.mkdir()
    (folder / FAULT_INJECTION_MARKER).touch()
    inputs = FileInputs.at(data_url)
    for name in inputs.found():
        with inputs.open(name) as original, (folder / name).open("wb") as copy:
            shutil.copyfileobj(original, copy)
    return folder


def _records(place: Place, column: Column, env: dict[str, str], job: Job) -> list[Record]:
    """What the engine says, before anything that it left running is canceled."""
    if column.engine == "prefect":
        return read_prefect(place.servers.prefect_url, job.run_id)
    if column.engine == "render":
        url = env["RENDER_LOCAL_DEV_URL"]
        records = read_render(url, job.run_id)
        cancel_unfinished(url)
        return records
    return []
