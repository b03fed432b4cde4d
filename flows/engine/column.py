"""A column of the comparison: an engine, its settings, and the service that it needs."""

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


ALLOWED = {"SHARDWISE_ALLOW_FAULTS": "true"}  # set for cells only; other runs with planned faults are refused


@dataclass(frozen=True)
class Column:
    """One column of the comparison.

    Attributes:
        name: The name in ``--engines``.
        title: The title in the report.
        environment: Settings of the processes that run its cells.
        ours: Whether our code, not the engine, recovers a dead or hanging process.
        attached: Whether a run's attempts end with the process that started it.
        remote: Whether its steps run where no signal, setting or file of this machine reaches them.
        stand_in: Whether our code replaces the product.
        reruns: Whether a step whose process ends runs again at once, which is not a retry of the policy.
        slots: Whether at most the given number of shards run at a time.
        service: Creates the service of its cells; usually a class.
        start: Runs a job and returns its result; None uses the engine's ``run``.
        known: The expected result for a kind of scenario, if it differs from what the policy promises.
        tells: Whether a cell shows something that no other column shows; other columns run by name or with ``--all``.
        engine: The name of its engine, set by the engine.
        product: The orchestrator that it stands for, empty for none; set by the engine.
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
        """Return the service of its cells in a session."""
        return session.of(self.service)

    def cell_environment(
        self, session: Session, settings: dict[str, str], workers: int | None = None
    ) -> dict[str, str]:
        """Return the environment of a cell's process, after starting its service, without the caller's ``SHARDWISE_*``.

        Args:
            session: The session that runs the services.
            settings: The policy's settings, for the processes that make attempts.
            workers: The number of parallel shards; default: the comparison's.

        Raises:
            TerminalError: The service does not start.
        """
        wanted = ALLOWED | settings | dict(self.environment)
        return without_ours(os.environ) | self.serving(session).environment(wanted, workers or session.workers)


def not_observable(columns: list[Column], session: Session) -> dict[str, str]:
    """Return the columns that cannot be observed here, with the reasons."""
    reasons = {column.name: column.serving(session).not_observable() for column in columns}
    return {name: reason for name, reason in reasons.items() if reason}
