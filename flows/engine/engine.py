"""One way to run a job, and all that others need to know about it. Each engine package defines one ``Engine``."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from shared.run.cores import cores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from flows.engine.column import Column
    from flows.engine.facts import Hint, Promise, Table
    from flows.engine.pricing import Price
    from flows.engine.scenario import Scenario
    from flows.engine.target import Target
    from shared.run.job import Job
    from shared.run.policy import RetryPolicy


@dataclass(frozen=True)
class Engine:
    """One way to run a job.

    Attributes:
        name: The name in ``--engine``.
        title: The name for people.
        run: Takes a job, the number of parallel shards, and the engine's options; returns the run's result.
        columns: Its columns in the comparison.
        orchestrator: Whether users choose it; false for the reference.
        scenarios: Its own scenarios, in addition to those of every engine.
        prices: What its machines cost; empty if costs are not compared.
        hints: What a policy for steps and runs means on this engine, if that is unexpected.
        promises: What its documentation promises about behaviour that the comparison observes.
        limits: What its stand-in cannot show; None without a stand-in.
        triggered: Runs a job on the server or cloud that the environment names, else on a temporary local one; None
            uses ``run``.
        stand_in: Added to the title if ``triggered`` uses a stand-in; empty otherwise.
        distributions: Libraries whose versions a report names.
        target: The kind of job that ``shardwise check`` can run; None without one.
    """

    name: str
    title: str
    run: Callable[..., dict[str, Any]]
    columns: tuple[Column, ...]
    orchestrator: bool = True
    scenarios: tuple[Scenario, ...] = ()
    prices: tuple[Price, ...] = ()
    hints: Callable[[RetryPolicy, RetryPolicy], Iterable[Hint]] = lambda _shard, _run: ()
    promises: tuple[Promise, ...] = ()
    limits: Table | None = None
    triggered: Callable[[Job], dict[str, Any]] | None = None
    stand_in: Callable[[], str] = str
    distributions: tuple[str, ...] = ()
    target: Callable[[], Target] | None = None

    def __post_init__(self) -> None:
        """Set the engine of each column."""
        product = self.name if self.orchestrator else ""
        own = (
            replace(
                column,
                engine=self.name,
                product=product,
                start=column.start or self.run,
            )
            for column in self.columns
        )
        object.__setattr__(self, "columns", tuple(own))

    def trigger(self, job: Job) -> dict[str, Any]:
        """Run a job on the server or cloud that the environment names; return the run's result."""
        return self.triggered(job) if self.triggered else self.run(job, cores())

    @property
    def options(self) -> list[str]:
        """Return the command's options that only this engine has."""
        return list(inspect.signature(self.run).parameters)[2:]
