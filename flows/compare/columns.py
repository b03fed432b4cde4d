"""What is compared: the columns of all registered engines."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from flows.registry import ENGINES
from shared.run.errors import TerminalError

if TYPE_CHECKING:
    from flows.engine.column import Column
    from flows.registry import Engine


def _columns(engine: Engine) -> list[Column]:
    product = engine.name if engine.orchestrator else ""
    return [
        replace(column, engine=engine.name, product=product, start=column.start or engine.run)
        for column in engine.columns
    ]


_ALL = [column for engine in ENGINES.values() for column in _columns(engine)]
COLUMNS = {column.name: column for column in _ALL}


def find_columns(names: str) -> list[Column]:
    """The columns of a list like ``local,prefect``; a TerminalError names what is unknown."""
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    if unknown := [name for name in wanted if name not in COLUMNS]:
        raise TerminalError(f"--engines has {', '.join(unknown)}; known are {', '.join(COLUMNS)}")
    if not wanted:
        raise TerminalError(f"--engines is empty; known are {', '.join(COLUMNS)}")
    return [column for column in _ALL if column.name in wanted]
