"""One way to run a job, and all that others need to know of it: a package brings one ``Engine``."""

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
        name: As ``--engine`` has it.
        title: For people.
        run: Takes a job, how many shards at a time, and options of its own; returns the run's result.
        columns: What the comparison shows of it.
        orchestrator: Whether somebody chooses it; the reference is none.
        scenarios: Its own, beside those that run on every engine.
        prices: What its machines cost; empty where that is not compared.
        hints: What a policy, of a step and of the whole run, means here that a reader of it would not expect.
        promises: What its documentation promises about behaviour that the comparison observes.
        limits: What its stand-in cannot show; None where nothing stands in.
        triggered: Runs a job where the environment says that the engine is, on a cloud for example, else here for the
            time of the run; None takes ``run``.
        stand_in: Follows the title where ``triggered`` runs on a stand-in, to say so; empty where it does not.
        distributions: The libraries whose versions a report names.
        target: The kind of job that ``shardwise check`` runs here as it is; None where there is none.
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
        """Tell the columns whose they are."""
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
        """Run a job where the environment says that the engine is; return the run's result."""
        return self.triggered(job) if self.triggered else self.run(job, cores())

    @property
    def options(self) -> list[str]:
        """The options of the command that only this engine has."""
        return list(inspect.signature(self.run).parameters)[2:]
