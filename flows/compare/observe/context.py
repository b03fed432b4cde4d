"""What all cells of a comparison share, including the run without faults."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from flows.compare.observe.limits import Limits, Took
from flows.compare.observe.reference import Reference, reference_of
from shared.run.cores import cores
from shared.run.loading import environment_for, load_pipeline
from shared.run.new_job import make_job
from shared.run.parameters import names_of, read_options
from shared.run.step_names import STAGE

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
        session: The session of the engines.
        options: The user's options.
        engine: Makes runs without faults: the engine that is not an orchestrator.
        job: Pipeline, data and shards; run_id, store and faults are each cell's own.
        reference: A run of that job without faults and without an orchestrator.
        workers: The number of parallel shards.
        policy: The policy of the steps, with scaled waits.
        folder: The folder for stores and logs of cells.
        took: The duration of a run without faults by column; cells fill it.
    """

    session: Session
    options: Options
    engine: Engine
    job: Job
    reference: Reference
    workers: int
    policy: RetryPolicy
    folder: Path
    took: dict[str, Took] = field(default_factory=dict)

    def limits(self, scenario: Scenario, column: Column) -> Limits:
        """Return how long a cell may take; before a run on its column, the reference run counts."""
        reference, shards = self.reference, self.job.num_shards
        took = self.took.get(column.name) or Took(2 * reference.step_seconds, 2 * reference.seconds + shards)
        return Limits.of(scenario, self.policy, took, self.options.limits)

    def settings(self, scenario: Scenario, timeout: float | None = None) -> dict[str, str]:
        """Return policy and pipeline for the processes that make the attempts of a scenario.

        Args:
            scenario: The cell's scenario.
            timeout: The timeout of an attempt in seconds; by default the policy's.
        """
        retried = {"SHARDWISE_RUN_RETRIES": str(scenario.run_retries)}
        return self.options.retry.environment(timeout) | environment_for(self.job.pipeline) | retried

    def policy_with(self, timeout: float) -> RetryPolicy:
        """Return the policy with the timeout of a cell, in seconds."""
        return replace(self.policy, timeout=timedelta(seconds=timeout))

    def command(self, scenario: Scenario, column: Column) -> str:
        """Return the command that runs a cell again."""
        where = f"--scenarios {scenario.name} --engines {column.name}"
        return f"shardwise compare {where}{self.options.to_arguments()}{self.session.choices.to_arguments()}"

    def runs(self, scenario: Scenario) -> bool:
        """Whether a scenario has what it needs: generated data, which not every pipeline supports, or data to stage."""
        pipeline = self.reference.run.pipeline
        if scenario.needs_copy and not (self.job.data_url and pipeline.stage):
            return False
        if (scenario.without_staging or scenario.step == STAGE) and not pipeline.stage:
            return False
        return scenario.generated is None or pipeline.generate is not None


def context_of(session: Session, folder: Path, options: Options, reference: Engine) -> ComparisonContext:
    """Check the data and run the job twice without faults, as the reference for all cells.

    Args:
        session: The session of the engines.
        folder: The folder for stores and logs of cells.
        options: The user's options.
        reference: The engine that makes the reference runs.

    Raises:
        TerminalError: An option is wrong, a run without faults fails, or two of them differ.
    """
    own = names_of(load_pipeline(options.pipeline), "redact") if options.redact else []
    job = make_job(
        pipeline=options.pipeline,
        parameters=dict.fromkeys(own, True) | read_options(options.params),
        data_url=options.data,
        store_url=str(folder / "reference"),
        num_shards=options.shards,
        run_id="reference",
    )
    return _context(session, folder, options, job, reference)


def context_for(context: ComparisonContext, scenario: Scenario) -> ComparisonContext:
    """Return the context, or a similar one with generated data or another number of shards."""
    if scenario.generated is None and scenario.shards is None:
        return context
    folder = context.folder / f"{scenario.generated or 'given'}-records-{scenario.shards or 'given'}-shards"
    job = replace(
        context.job, store_url=str(folder / "reference"), num_shards=scenario.shards or context.job.num_shards
    )
    if scenario.generated and (generate := context.reference.run.pipeline.generate):
        (folder / "data").mkdir(parents=True)
        generate(folder / "data", scenario.generated, 0)
        job = replace(job, data_url=str(folder / "data"))
    return _context(context.session, folder, context.options, job, context.engine)


def _context(session: Session, folder: Path, options: Options, job: Job, engine: Engine) -> ComparisonContext:
    policy = options.retry.policy()
    reference = reference_of(engine, job, policy.timeout)
    return ComparisonContext(session, options, engine, job, reference, cores(), policy, folder)
