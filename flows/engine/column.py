"""A column of the comparison: an engine, the settings it runs under, what serves it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flows.engine.service import Service, without_ours

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flows.engine.scenario import Expected, Kind, Scenario
    from flows.engine.session import Session
    from shared.run.job import Job

    Start = Callable[[Job, int], dict[str, Any]]


ALLOWED = {"SHARDWISE_ALLOW_FAULTS": "true"}  # cells only: elsewhere a plan of faults is refused


@dataclass(frozen=True)
class Column:
    """One column of the matrix.

    Attributes:
        name: As ``--engines`` has it.
        title: For the report.
        environment: Settings of the processes that run its cells.
        ours: Whether what survives a dead or hung process here is our code and not the engine.
        attached: Whether a run's attempts live and die with the process that started it.
        remote: Whether no signal, setting or file of this machine reaches where its steps run.
        stand_in: Whether code of ours serves it in place of the product that it stands for.
        reruns: Whether a step whose process ends is run again at once, which is not a retry of the policy.
        slots: Whether no more shards run at a time than it is given workers.
        service: Makes what serves its cells; most often a class.
        start: Runs a job and returns its result; None is the engine's own ``run``.
        known: What it makes of a kind of scenario, where that is not what the policy promises.
        tells: Whether a cell tells what no other column does; the others run by name or with ``--all``.
        engine: The name of its engine; the engine sets it.
        product: Which orchestrator it stands for, empty for none; the engine sets it.
    """

    name: str
    title: str
    environment: Mapping[str, str] = field(default_factory=dict)
    ours: bool = False
    attached: bool = True
    remote: bool = False
    stand_in: bool = False
    reruns: bool = False
    slots: bool = True
    service: Callable[[Session], Service] = Service
    start: Start | None = None
    known: Mapping[Kind, Expected] = field(default_factory=dict)
    tells: Callable[[Scenario], bool] = lambda _: True
    engine: str = ""
    product: str = ""

    def serving(self, session: Session) -> Service:
        """What serves its cells in a session."""
        return session.of(self.service)

    def cell_environment(
        self, session: Session, settings: dict[str, str], workers: int | None = None
    ) -> dict[str, str]:
        """The environment of a cell's process, its service started; no ``SHARDWISE_*`` of the caller is in it.

        Args:
            session: Where it is served.
            settings: Of the policy, for whoever makes the attempts.
            workers: Shards at a time; default: the comparison's.

        Raises:
            TerminalError: The service does not start.
        """
        wanted = ALLOWED | settings | dict(self.environment)
        return without_ours(os.environ) | self.serving(session).environment(wanted, workers or session.workers)


def not_observable(columns: list[Column], session: Session) -> dict[str, str]:
    """The columns that cannot be observed here, and why."""
    reasons = {column.name: column.serving(session).not_observable() for column in columns}
    return {name: reason for name, reason in reasons.items() if reason}
