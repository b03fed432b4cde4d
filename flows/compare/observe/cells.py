"""Runs one cell, a scenario on a column in its own store, and judges the observation."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from flows.compare.judge.judgement import judged
from flows.compare.judge.redacted import redacted
from flows.compare.observe.described import described_column, described_scenario
from flows.compare.observe.ends import Ends
from flows.compare.observe.limits import Took
from flows.compare.observe.outputs import published
from flows.compare.observe.starts import Caller, start_run
from flows.compare.record.observed import Firing, Observation, Policy, Published, Start
from flows.engine.interruption import Interruption
from flows.engine.observed_on import ObservedOn
from flows.engine.scenario import Kind, Scenario
from shared.faults.actions import FAULT_INJECTION_MARKER
from shared.run.attempts import read_attempts
from shared.run.errors import explained
from shared.run.inputs import FileInputs
from shared.run.run import Run
from shared.run.store import read_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flows.compare.observe.context import ComparisonContext
    from flows.compare.observe.reference import Reference
    from flows.compare.record.observed import Cell
    from flows.engine.column import Column
    from flows.engine.record import Record
    from shared.run.attempts import Attempt
    from shared.run.job import Job
    from shared.run.store import Store

WITHOUT_FAULTS = Scenario("without_faults", "A run without faults", "How long do its steps take?", Kind.NOTHING)
LAG, POLL = 5.0, 0.25  # seconds in which an engine records something if it still does, and between two looks at that
_MARKER = re.compile(r"(?P<step>.+)\.invocation-1\.attempt-(?P<attempt>\d+)\.(?P<kind>\w+)\.json")


def run_cell(context: ComparisonContext, scenario: Scenario, column: Column, repeat: int) -> Cell:
    """Run a scenario on a column, once or twice as it says, and judge the result."""
    if scenario.short_timeout and column.name not in context.took and not column.remote:
        observe(context, WITHOUT_FAULTS, column, repeat)
    return _judged(context, scenario, column, observe(context, scenario, column, repeat))


def failed_cell(context: ComparisonContext, scenario: Scenario, column: Column, repeat: int, error: Exception) -> Cell:
    """Return the cell of a scenario that could not be observed, with the reason."""
    start = Start(
        completed=False, error=explained(error), answered=False, ended=True, status=None, interrupted=False,
        seconds=0.0, ended_at=datetime.now(UTC),
    )  # fmt: skip
    seen = Observation(
        scenario=scenario.name,
        column=column.name,
        repeat=repeat,
        observed_on=ObservedOn.now("nothing", "not observed"),
        policy=Policy.of(context.policy),
        workers=scenario.workers or context.workers,
        shards=scenario.shards or context.job.num_shards,
        starts=(start,),
        attempts=(),
        engine=(),
        store=Published(finished=False, digest=None, committed=0),
        fired=(),
        continues=False,
        command=context.command(scenario, column),
        log="",
        failure=f"the cell could not be observed: {explained(error)}",
    )
    return _judged(context, scenario, column, seen)


def _judged(context: ComparisonContext, scenario: Scenario, column: Column, seen: Observation) -> Cell:
    seen = redacted(seen) if context.options.redact else seen
    return judged(seen, described_scenario(scenario, [column], context.policy), described_column(column))


def observe(context: ComparisonContext, scenario: Scenario, column: Column, repeat: int) -> Observation:
    """Run it, and read everything that can be observed."""
    folder = context.folder / scenario.name / f"{column.name}-{repeat}"
    folder.mkdir(parents=True)
    service, workers = column.serving(context.session), scenario.workers or context.workers
    limits = context.limits(scenario, column)
    job = _job(context, scenario, column, folder)
    env = column.cell_environment(context.session, context.settings(scenario, limits.timeout), workers)
    caller = Caller(column.name, workers, env, folder, service)
    starts = [start_run(job, caller, limits.deadline + service.startup, scenario.interruption)]
    run = Run.of(job)
    if scenario.without_staging:
        run.store.remove(run.staging)
    if scenario.run_again:
        starts.append(start_run(job, caller, limits.deadline + service.startup, None))
    records = _caught_up(partial(service.records, env, job.run_id), read_attempts(run.store, job.run_id))
    continues = service.continues(run)
    service.clear(env, job.run_id)
    attempts = Ends(records, _ended(column, starts), _dead(scenario, run, starts)).of(
        read_attempts(run.store, job.run_id)
    )
    if not scenario.plan and not scenario.interruption and starts[0].completed:
        context.took[column.name] = Took.of(attempts, starts[0].seconds)
    seen = Observation(
        scenario=scenario.name,
        column=column.name,
        repeat=repeat,
        observed_on=service.observed_on(),
        policy=Policy.of(service.declared(context.policy_with(limits.timeout))),
        workers=workers,
        shards=job.num_shards,
        starts=tuple(starts),
        attempts=attempts,
        engine=tuple(records),
        store=_stored(context.reference, run, starts[-1]),
        fired=tuple(sorted(read_markers(run.store, job.run_id))),
        continues=continues,
        deadline_seconds=limits.deadline + service.startup,
        patience_seconds=limits.patience,
        command=context.command(scenario, column),
        log=(folder / "log").read_text(errors="replace")[-2_000:],
    )
    shutil.rmtree(folder, ignore_errors=True)
    return seen


def _stored(reference: Reference, run: Run, last: Start) -> Published:
    """Compare the stored result with a run without faults; bytes are not compared if they vary."""
    found = published(run, reference.run, last.answer, reference.varying, reference.verify(run))
    return found.model_copy(update={"other_bytes": 0}) if reference.bytes_vary else found


def _caught_up(read: Callable[[], list[Record]], attempts: list[Attempt]) -> list[Record]:
    """Return the engine's record when it has all attempts of the ledger, or gets no more."""
    made = Counter((attempt.invocation, attempt.step) for attempt in attempts)
    records, given_up = read(), time.monotonic() + LAG
    while _behind(records, made) and time.monotonic() < given_up:
        time.sleep(POLL)
        before, records = records, read()
        if records != before:
            given_up = time.monotonic() + LAG
    return records


def _behind(records: list[Record], made: Counter[tuple[int, str]]) -> bool:
    said = {(start, step): n for start, each in enumerate(records, 1) for step, n in each.attempts.items()}
    return any(made[key] > said.get(key, 0) for key in made if key[0] <= len(records))


def read_markers(store: Store, run_id: str) -> set[Firing]:
    """Return the faults of a run's first invocation that left a marker."""
    found = map(_MARKER.fullmatch, store.names(f"runs/{run_id}/faults"))
    return {Firing(match["step"], int(match["attempt"]), match["kind"]) for match in found if match}


def _ended(column: Column, starts: list[Start]) -> dict[int, datetime]:
    """Return, by invocation, when all processes that could run attempts had ended, if they are the caller's own."""
    return {number: start.ended_at for number, start in enumerate(starts, start=1)} if column.attached else {}


def _dead(scenario: Scenario, run: Run, starts: list[Start]) -> dict[int, datetime]:
    """Return the process that opened the run, if the scenario killed it, and when its caller knew."""
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
    """Return a copy of the sources that a scenario may change."""
    folder.mkdir()
    (folder / FAULT_INJECTION_MARKER).touch()
    inputs = FileInputs.at(data_url)
    for name in inputs.found():
        with inputs.open(name) as original, (folder / name).open("wb") as copy:
            shutil.copyfileobj(original, copy)
    return folder
