"""One cell: a scenario on a column, in a store of its own; what was observed, and what follows from it."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections import Counter
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from flows.compare.judge.judgement import judged
from flows.compare.observe.described import described_column, described_scenario
from flows.compare.observe.ends import Ends
from flows.compare.observe.outputs import published
from flows.compare.observe.starts import Caller, start_run
from flows.compare.record.observed import Firing, Observation, Policy
from flows.engine.interruption import Interruption
from shared.faults.actions import FAULT_INJECTION_MARKER
from shared.run.attempts import read_attempts
from shared.run.inputs import FileInputs
from shared.run.run import Run
from shared.run.store import open_store, read_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from flows.compare.observe.context import ComparisonContext
    from flows.compare.record.observed import Cell, Start
    from flows.engine.column import Column
    from flows.engine.record import Record
    from flows.engine.scenario import Scenario
    from shared.run.attempts import Attempt
    from shared.run.job import Job
    from shared.run.store import Store

LAG, POLL = 5.0, 0.25  # seconds that an engine may take to record an attempt, and between two looks at its record
_MARKER = re.compile(r"(?P<step>.+)\.invocation-1\.attempt-(?P<attempt>\d+)\.(?P<kind>\w+)\.json")


def run_cell(context: ComparisonContext, scenario: Scenario, column: Column, repeat: int) -> Cell:
    """Run a scenario on a column, once or twice as it says, and judge what it left behind."""
    seen = observe(context, scenario, column, repeat)
    return judged(seen, described_scenario(scenario, [column], context.policy), described_column(column))


def observe(context: ComparisonContext, scenario: Scenario, column: Column, repeat: int) -> Observation:
    """Run it, and read what is to be seen of it."""
    folder = context.folder / scenario.name / f"{column.name}-{repeat}"
    folder.mkdir(parents=True)
    service, workers = column.serving(context.session), scenario.workers or context.workers
    job = _job(context, scenario, column, folder)
    env = column.cell_environment(context.session, context.settings(scenario), workers)
    caller = Caller(column.name, workers, env, folder, service)
    deadline = context.deadline(scenario) + service.startup
    starts = [
        start_run(job, caller, deadline, None if again else scenario.interruption)
        for again in range(1 + scenario.run_again)
    ]
    run = Run(job, open_store(job.store_url))
    records = _caught_up(partial(service.records, env, job.run_id), read_attempts(run.store, job.run_id))
    continues = service.continues(run)
    service.clear(env, job.run_id)
    ends = Ends(records, _ended(column, starts), _dead(scenario, run, starts))
    seen = Observation(
        scenario=scenario.name,
        column=column.name,
        repeat=repeat,
        observed_on=service.observed_on(),
        policy=Policy.of(service.declared(context.policy_of(scenario))),
        workers=workers,
        shards=job.num_shards,
        starts=tuple(starts),
        attempts=ends.of(read_attempts(run.store, job.run_id)),
        engine=tuple(records),
        store=published(run, context.reference, starts[-1].answer, context.varying),
        fired=tuple(sorted(read_markers(run.store, job.run_id))),
        continues=continues,
        command=context.command(scenario, column),
        log=(folder / "log").read_text(errors="replace")[-2_000:],
    )
    shutil.rmtree(folder, ignore_errors=True)
    return seen


def _caught_up(read: Callable[[], list[Record]], attempts: list[Attempt]) -> list[Record]:
    """What an engine says, as soon as it knows of all attempts in the ledger: it hears of them later than they end."""
    made = Counter((attempt.invocation, attempt.step) for attempt in attempts)
    given_up = time.monotonic() + LAG
    while True:
        records = read()
        said = {(start, step): n for start, each in enumerate(records, 1) for step, n in each.attempts.items()}
        behind = any(made[key] > said.get(key, 0) for key in made if key[0] <= len(records))
        if not behind or time.monotonic() > given_up:
            return records
        time.sleep(POLL)


def read_markers(store: Store, run_id: str) -> set[Firing]:
    """What the markers of a run say has fired in its first invocation."""
    found = map(_MARKER.fullmatch, store.names(f"runs/{run_id}/faults"))
    return {Firing(match["step"], int(match["attempt"]), match["kind"]) for match in found if match}


def _ended(column: Column, starts: list[Start]) -> dict[int, datetime]:
    """By invocation: when all that could run its attempts had ended, where that is the caller's own processes."""
    return {number: start.ended_at for number, start in enumerate(starts, start=1)} if column.attached else {}


def _dead(scenario: Scenario, run: Run, starts: list[Start]) -> dict[int, datetime]:
    """The process that opened the run, where the scenario killed it, and when its caller had learned of that."""
    killed = {Interruption.KILL_ORCHESTRATOR, Interruption.KILL_FLOW_AND_WORKER}
    if scenario.interruption not in killed or not starts[0].interrupted:
        return {}
    opened_by: int = read_json(run.store, run.name("invocations/1.json"))["pid"]
    return {opened_by: starts[0].ended_at}


def _job(context: ComparisonContext, scenario: Scenario, column: Column, folder: Path) -> Job:
    store = column.serving(context.session).store_url(folder)
    name = f"compare-{scenario.name}-{column.name}-{os.urandom(4).hex()}"
    data = str(_copied(context.job.data_url, folder / "data")) if scenario.needs_copy else context.job.data_url
    return replace(context.job, run_id=name, data_url=data, store_url=store, faults=scenario.plan)


def _copied(data_url: str, folder: Path) -> Path:
    """A copy of the sources that may be broken."""
    folder.mkdir()
    (folder / FAULT_INJECTION_MARKER).touch()
    inputs = FileInputs.at(data_url)
    for name in inputs.found():
        with inputs.open(name) as original, (folder / name).open("wb") as copy:
            shutil.copyfileobj(original, copy)
    return folder
