"""Starts the services of a comparison when they are first needed, and stops them at its end."""

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
    """What the user chose for the services.

    Attributes:
        consent: Whether the user agreed to spend money.
        max_dollars: The maximum cost.
        data: The data folder; empty uses the settings'.
        wait_scale: The factor for all waits of tasks that are started here.
        options: Options of single engines, by the name that their services use.
    """

    consent: bool = False
    max_dollars: float = 1.0
    data: str = ""
    wait_scale: float = 1.0
    options: Mapping[str, str] = field(default_factory=dict)

    def to_arguments(self) -> str:
        """Return the options of single engines as a shell reads them."""
        given = {name.replace("_", "-"): value for name, value in self.options.items() if value}
        return "".join(f" --{name} {shlex.quote(value)}" for name, value in given.items())


class Session:
    """Starts what columns need, and stops it at the end of a ``with`` block."""

    def __init__(self, folder: Path, workers: int, choices: Choices | None = None) -> None:
        """Nothing is started yet.

        Args:
            folder: The folder for databases and logs.
            workers: The number of parallel shards.
            choices: The user's choices; default: none.
        """
        self.folder = folder
        self.workers = workers
        self.choices = choices or Choices()
        self.started = ExitStack()
        self.stopping = Event()  # set when a user stops the comparison
        self.absent: dict[str, str] = {}  # columns that are not observed, with the reasons
        self._services: dict[object, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.started.close()

    def of(self, make: Callable[[Session], S]) -> S:
        """Return the session's only service of a class or function."""
        if make not in self._services:
            self._services[make] = make(self)
        service: S = self._services[make]
        return service
