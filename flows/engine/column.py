"""A column of the comparison: an engine, the settings it runs under, what serves it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.run.job import Job

    Starter = Callable[[Job, int], dict[str, Any]]

IN_PROCESS = "flows.engine.service:Service"  # serves nothing


@dataclass(frozen=True)
class Column:
    """One column of the matrix.

    Attributes:
        name: As ``--engines`` has it.
        title: For the report.
        environment: Settings of the processes that run its cells.
        ours: Whether what survives a dead or hung process here is our code and not the engine.
        attached: Whether a run's attempts live and die with the process that started it.
        service: What serves its cells, a ``flows.engine.service.Service``, as ``module:class``.
        start: Runs a job and returns its result; None is the engine's own ``run``.
        stand_in: Whether code of ours serves it in place of the product that it stands for.
        engine: The name of its engine; the registry sets it.
        product: Which orchestrator it stands for, empty for none; the registry sets it.
    """

    name: str
    title: str
    environment: dict[str, str] = field(default_factory=dict)
    ours: bool = False
    attached: bool = True
    service: str = IN_PROCESS
    start: Starter | None = None
    stand_in: bool = False
    engine: str = ""
    product: str = ""

    def to_json(self) -> dict[str, object]:
        """What the report tells of it."""
        return {key: getattr(self, key) for key in ("title", "product", "stand_in")}
