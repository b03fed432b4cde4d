"""What is compared: an engine and the settings it runs under make a column."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypedDict

from flows.compare.provenance import ObservedOn, version_of
from shared.run.errors import TerminalError


@dataclass(frozen=True)
class Column:
    """One column of the matrix.

    Attributes:
        name: As ``--engines`` has it.
        engine: One of ``flows.engines.ENGINES``.
        title: For the report.
        environment: Settings of the processes that run its cells.
        ours: Whether what survives a dead or hung process here is our code and not the engine.
        attached: Whether a run's attempts live and die with the process that started it.
        product: Which orchestrator it stands for: ``prefect`` or ``render``; empty for none.
        stand_in: Whether code of ours serves it in place of that product.
        served_by: What serves it, for the report.
        distribution: The installed distribution that gives the version of that.
    """

    name: str
    engine: str
    title: str
    environment: dict[str, str] = field(default_factory=dict)
    ours: bool = False
    attached: bool = True
    product: str = ""
    stand_in: bool = False
    served_by: str = ""
    distribution: str = "shardwise"

    def observed_now(self) -> ObservedOn:
        """Where its cells are observed."""
        return ObservedOn.now(self.served_by, version_of(self.distribution))

    def to_json(self) -> dict[str, object]:
        """What the report tells of it."""
        keys = ("title", "product", "stand_in")
        return {key: getattr(self, key) for key in keys}


class _Served(TypedDict):
    product: str
    served_by: str
    distribution: str


_PREFECT: _Served = {"product": "prefect", "served_by": "a Prefect server of its own", "distribution": "prefect"}

_ALL = (
    Column(
        "local",
        "local",
        "no orchestrator",
        {"SHARDWISE_ISOLATION": "process"},
        ours=True,
        served_by="shardwise's own loop",
    ),
    Column("prefect", "prefect", "Prefect as it is", {"SHARDWISE_ISOLATION": "none"}, **_PREFECT),
    Column(
        "prefect-isolated",
        "prefect",
        "Prefect, each shard in a process of its own",
        {"SHARDWISE_ISOLATION": "process"},
        ours=True,
        **_PREFECT,
    ),
    Column(
        "render",
        "render",
        "local stand-in for Render",
        attached=False,
        product="render",
        stand_in=True,
        served_by="shardwise render-dev --like-cloud",
    ),
)
COLUMNS = {column.name: column for column in _ALL}


def find_columns(names: str) -> list[Column]:
    """The columns of a list like ``local,prefect``; a TerminalError names what is unknown."""
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    if unknown := [name for name in wanted if name not in COLUMNS]:
        raise TerminalError(f"--engines has {', '.join(unknown)}; known are {', '.join(COLUMNS)}")
    if not wanted:
        raise TerminalError(f"--engines is empty; known are {', '.join(COLUMNS)}")
    return [column for column in _ALL if column.name in wanted]
