"""What serves the columns of a comparison: one service of each kind, started when first needed, stopped at its end."""

from __future__ import annotations

import shlex
from contextlib import ExitStack
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING, Any, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


S = TypeVar("S")


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
        """The one service that a class or a function makes of this session."""
        if make not in self._services:
            self._services[make] = make(self)
        service: S = self._services[make]
        return service
