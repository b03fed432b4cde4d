"""What is compared: an engine and the settings it runs under make a column."""

from __future__ import annotations

from dataclasses import dataclass, field

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
    """

    name: str
    engine: str
    title: str
    environment: dict[str, str] = field(default_factory=dict)
    ours: bool = False
    attached: bool = True


_ALL = (
    Column("local", "local", "no orchestrator", {"SHARDWISE_ISOLATION": "process"}, ours=True),
    Column("prefect", "prefect", "Prefect as it is", {"SHARDWISE_ISOLATION": "none"}),
    Column(
        "prefect-isolated",
        "prefect",
        "Prefect, each shard in a process of its own",
        {"SHARDWISE_ISOLATION": "process"},
        ours=True,
    ),
    Column("render", "render", "local stand-in for Render", attached=False),
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
