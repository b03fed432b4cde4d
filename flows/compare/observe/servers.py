"""The services of a comparison, one of each kind for all cells, started when first needed and stopped at its end."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import import_module
from threading import Event
from typing import TYPE_CHECKING, Self

from flows.engine.service import without_ours

if TYPE_CHECKING:
    from pathlib import Path

    from flows.engine.column import Column
    from flows.engine.service import Service

ALLOWED = {"SHARDWISE_ALLOW_FAULTS": "true"}  # cells only: elsewhere a plan of faults is refused


@dataclass(frozen=True)
class Choices:
    """What a person chose for the services.

    Attributes:
        work_pool: A Prefect work pool with a worker of the user's, on the server that PREFECT_API_URL names.
        render_cli: The official ``render``; empty takes the one on the PATH.
        consent: Whether spending money on Render's cloud was agreed to.
        max_dollars: The most that may be spent there.
        data: Folder of the data; empty takes the settings'.
        wait_scale: What the waits of tasks started here are multiplied by.
    """

    work_pool: str = ""
    render_cli: str = ""
    consent: bool = False
    max_dollars: float = 1.0
    data: str = ""
    wait_scale: float = 1.0


class Servers:
    """Starts what columns need, and stops it all at the end of a ``with`` block."""

    def __init__(self, folder: Path, workers: int, choices: Choices | None = None) -> None:
        """Nothing is started yet.

        Args:
            folder: For databases and logs.
            workers: Shards at a time.
            choices: What a person chose; default: nothing.
        """
        self.folder = folder
        self.workers = workers
        self.choices = choices or Choices()
        self.started = ExitStack()
        self.stopping = Event()  # set when a person stops the comparison
        self.absent: dict[str, str] = {}  # columns that are not observed, and why
        self._services: dict[str, Service] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.started.close()

    def of(self, reference: str) -> Service:
        """The one service of a class, given as ``module:class``."""
        if reference not in self._services:
            module, _, name = reference.partition(":")
            self._services[reference] = getattr(import_module(module), name)(self)
        return self._services[reference]

    def serving(self, column: Column) -> Service:
        """The service of a column."""
        return self.of(column.service)

    def not_observable(self, columns: list[Column]) -> dict[str, str]:
        """The columns that cannot be observed here, and why."""
        reasons = {column.name: self.serving(column).not_observable() for column in columns}
        return {name: reason for name, reason in reasons.items() if reason}

    def prepare(self, columns: list[Column]) -> None:
        """Let servers that will be needed start while others work."""
        for column in columns:
            self.serving(column).prepare()

    def environment(self, column: Column, settings: dict[str, str], workers: int | None = None) -> dict[str, str]:
        """The environment of a cell's process, its service started; no ``SHARDWISE_*`` of the caller is in it.

        Args:
            column: Where the cell runs.
            settings: Of the policy, for whoever makes the attempts.
            workers: Shards at a time; default: the comparison's.

        Raises:
            TerminalError: The service does not start.
        """
        wanted = ALLOWED | settings | column.environment
        return without_ours(os.environ) | self.serving(column).environment(wanted, workers or self.workers)
