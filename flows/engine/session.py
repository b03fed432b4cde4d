"""What serves the columns of a comparison: one service of each kind, started when first needed, stopped at its end."""

from __future__ import annotations

import os
import shlex
from contextlib import ExitStack
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING, Any, Self, TypeVar

from flows.engine.service import Service, without_ours

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from flows.engine.column import Column

ALLOWED = {"SHARDWISE_ALLOW_FAULTS": "true"}  # cells only: elsewhere a plan of faults is refused
S = TypeVar("S", bound=Service)


@dataclass(frozen=True)
class Choices:
    """What a person chose for the services.

    Attributes:
        consent: Whether spending money was agreed to.
        max_dollars: The most that may be spent.
        data: Folder of the data; empty takes the settings'.
        wait_scale: What the waits of tasks started here are multiplied by.
        options: Of single engines, by the name that their services know.
    """

    consent: bool = False
    max_dollars: float = 1.0
    data: str = ""
    wait_scale: float = 1.0
    options: Mapping[str, str] = field(default_factory=dict)

    def to_arguments(self) -> str:
        """The options of single engines, as a shell reads them."""
        given = {name.replace("_", "-"): value for name, value in self.options.items() if value}
        return "".join(f" --{name} {shlex.quote(value)}" for name, value in given.items())


class Session:
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
        self._services: dict[object, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.started.close()

    def of(self, make: Callable[[Session], S]) -> S:
        """The one service that a class or a function makes."""
        if make not in self._services:
            self._services[make] = make(self)
        service: S = self._services[make]
        return service

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
        wanted = ALLOWED | settings | dict(column.environment)
        return without_ours(os.environ) | self.serving(column).environment(wanted, workers or self.workers)
