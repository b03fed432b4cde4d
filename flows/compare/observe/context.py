"""Where cells run: what all of a comparison share, the undisturbed run they are compared with included."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from flows.compare.observe.results import varying_fields
from shared.isolation import pool
from shared.run.errors import TerminalError
from shared.run.loading import environment_for
from shared.run.new_job import make_job
from shared.run.parameters import read_options
from shared.run.run import Run
from shared.run.store import open_store

if TYPE_CHECKING:
    from pathlib import Path

    from flows.compare.options import Options
    from flows.engine.column import Column
    from flows.engine.engine import Engine
    from flows.engine.scenario import Scenario
    from flows.engine.session import Session
    from shared.run.job import Job
    from shared.run.policy import RetryPolicy


@dataclass(frozen=True)
class ComparisonContext:
    """What all cells of a comparison share.

    Attributes:
        session: Of the engines.
        options: What a person chose.
        engine: Makes undisturbed runs: the one that is no orchestrator.
        job: Pipeline, data and shards; run_id, store and faults are each cell's own.
        reference: An undisturbed run of that job, without an orchestrator.
        varying: Fields of the result that differ between undisturbed runs, and so are not compared.
        workers: Shards at a time.
        policy: The steps', its waits scaled.
        folder: For the cells' stores and logs.
    """

    session: Session
    options: Options
    engine: Engine
    job: Job
    reference: Run
    varying: frozenset[str]
    workers: int
    policy: RetryPolicy
    folder: Path

    def settings(self, scenario: Scenario) -> dict[str, str]:
        """The policy and the pipeline, for the processes that make the attempts of a scenario."""
        heartbeats = {"COMPARED_HEARTBEATS": str(scenario.heartbeats).lower()} if scenario.slow else {}
        return self.options.retry.environment(scenario.timeout) | environment_for(self.job.pipeline) | heartbeats

    def policy_of(self, scenario: Scenario) -> RetryPolicy:
        """The policy as a scenario has it: some have a timeout of their own."""
        return replace(self.policy, timeout=timedelta(seconds=scenario.timeout)) if scenario.timeout else self.policy

    def command(self, scenario: Scenario, column: Column) -> str:
        """What runs a cell again."""
        where = f"--scenarios {scenario.name} --engines {column.name}"
        return f"shardwise compare {where}{self.options.to_arguments()}{self.session.choices.to_arguments()}"

    def deadline(self, scenario: Scenario) -> float:
        """Seconds one start of a scenario may take."""
        return scenario.deadline + sum(wait.total_seconds() for wait in self.policy.waits())

    def runs(self, scenario: Scenario) -> bool:
        """Whether a scenario has what it needs: data of a size, which not every pipeline makes, or data to stage."""
        pipeline = self.reference.pipeline
        if scenario.needs_copy and not (self.job.data_url and pipeline.stage):
            return False
        return scenario.generated is None or pipeline.generate is not None


def context_of(session: Session, folder: Path, options: Options, reference: Engine) -> ComparisonContext:
    """Check the data and run the job twice, undisturbed, for all cells to be compared with.

    Args:
        session: Of the engines.
        folder: For the cells' stores and logs.
        options: What a person chose.
        reference: The engine that is no orchestrator, which makes the undisturbed runs.

    Raises:
        TerminalError: An option is wrong, or an undisturbed run fails.
    """
    job = make_job(
        pipeline=options.pipeline,
        parameters=read_options(options.params),
        data_url=options.data,
        store_url=str(folder / "reference"),
        num_shards=options.shards,
        run_id="reference",
    )
    return _context(session, folder, options, job, reference)


def context_for(context: ComparisonContext, scenario: Scenario) -> ComparisonContext:
    """The context itself, or one beside it over generated data or with another number of shards."""
    if scenario.generated is None and scenario.shards is None:
        return context
    folder = context.folder / f"{scenario.generated or 'given'}-records-{scenario.shards or 'given'}-shards"
    job = replace(
        context.job, store_url=str(folder / "reference"), num_shards=scenario.shards or context.job.num_shards
    )
    if scenario.generated and (generate := context.reference.pipeline.generate):
        (folder / "data").mkdir(parents=True)
        generate(folder / "data", scenario.generated, 0)
        job = replace(job, data_url=str(folder / "data"))
    return _context(context.session, folder, context.options, job, context.engine)


def _context(session: Session, folder: Path, options: Options, job: Job, engine: Engine) -> ComparisonContext:
    Run(job, open_store(job.store_url)).inputs().check()
    again = replace(job, run_id="reference-again", store_url=f"{job.store_url}-again")
    first, second = (_undisturbed(engine, each) for each in (job, again))
    pool.stop()  # its workers would sit beside the cells for as long as the comparison takes
    varying = varying_fields(first.result() or {}, second.result() or {})
    return ComparisonContext(
        session, options, engine, job, first, varying, pool.cores(), options.retry.policy(), folder
    )


def _undisturbed(engine: Engine, job: Job) -> Run:
    try:
        engine.run(job, 1)
    except TerminalError as error:
        first = "\n".join(str(error).splitlines()[:2])
        raise TerminalError(
            f"there is nothing to compare with, an undisturbed run over {job.data_url} fails:\n{first}\n"
            f"`shardwise run --engine local --data {job.data_url}` keeps all that it rejects."
        ) from error
    return Run(job, open_store(job.store_url))
