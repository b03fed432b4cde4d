"""Where cells run: what all of a comparison share, the undisturbed run they are compared with included."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from flows.local import run_local
from shared.isolation.pool import cores
from shared.run.errors import TerminalError
from shared.run.job import make_job
from shared.run.policy import FIRST_WAIT, SHARD_POLICY
from shared.run.run import Run
from shared.run.store import open_store

if TYPE_CHECKING:
    from pathlib import Path

    from flows.compare.column import Column
    from flows.compare.scenario import Scenario
    from flows.compare.servers import Servers
    from shared.run.job import Job
    from shared.run.policy import RetryPolicy


@dataclass(frozen=True)
class ComparisonContext:
    """What all cells of a comparison share.

    Attributes:
        servers: Of the engines.
        job: Data and shards; run_id, store and faults are each cell's own.
        reference: An undisturbed run of that job, without an orchestrator.
        workers: Shards at a time.
        policy: The shards', its waits scaled.
        wait_scale: What its waits were multiplied by.
        folder: For the cells' stores and logs.
    """

    servers: Servers
    job: Job
    reference: Run
    workers: int
    policy: RetryPolicy
    wait_scale: float
    folder: Path

    def settings(self, scenario: Scenario) -> dict[str, str]:
        """The policy's, for the processes that make the attempts of a scenario."""
        timeout = {"SHARDWISE_SHARD_TIMEOUT": f"{scenario.timeout:g}"} if scenario.timeout else {}
        heartbeats = {"SHARDWISE_COMPARED_HEARTBEATS": "true"} if scenario.heartbeats else {}
        return {"SHARDWISE_WAIT_SCALE": f"{self.wait_scale:g}"} | timeout | heartbeats

    def policy_of(self, scenario: Scenario) -> RetryPolicy:
        """The policy as a scenario has it: some have a timeout of their own."""
        return replace(self.policy, timeout=timedelta(seconds=scenario.timeout)) if scenario.timeout else self.policy

    def command(self, scenario: Scenario, column: Column) -> str:
        """What runs a cell again."""
        return f"shardwise compare --scenarios {scenario.name} --engines {column.name}"

    def deadline(self, scenario: Scenario) -> float:
        """Seconds one start of a scenario may take."""
        return scenario.deadline + sum(wait.total_seconds() for wait in self.policy.waits())


def context_of(
    servers: Servers, folder: Path, *, data: str | None, shards: int, wait_scale: float
) -> ComparisonContext:
    """Check the data and merge it once, undisturbed, for all cells to be compared with."""
    job = make_job(data_url=data, store_url=str(folder / "reference"), num_shards=shards, run_id="reference")
    Run(job, open_store(job.store_url)).inputs().check()
    try:
        run_local(job.to_json(), workers=1)
    except TerminalError as error:
        first = "\n".join(str(error).splitlines()[:2])
        raise TerminalError(
            f"there is nothing to compare with, an undisturbed run over {job.data_url} fails:\n{first}\n"
            f"`shardwise run --engine local --data {job.data_url}` keeps all that it rejects."
        ) from error
    policy = replace(SHARD_POLICY, first_wait=FIRST_WAIT * wait_scale)
    reference = Run(job, open_store(job.store_url))
    return ComparisonContext(servers, job, reference, cores(), policy, wait_scale, folder)


def context_for(context: ComparisonContext, customers: int | None) -> ComparisonContext:
    """The context itself, or one beside it over so many generated customers."""
    if customers is None:
        return context
    folder = context.folder / f"{customers}-customers"
    (folder / "data").mkdir(parents=True)
    context.reference.pipeline.generate(folder / "data", customers, 0)  # type: ignore[attr-defined]
    data, shards = str(folder / "data"), context.job.num_shards
    return context_of(context.servers, folder, data=data, shards=shards, wait_scale=context.wait_scale)
