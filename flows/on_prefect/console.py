"""The log of a flow's process: it outlives the worker that reads it."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING

from prefect.logging.handlers import PrefectConsoleHandler

if TYPE_CHECKING:
    from collections.abc import Iterator


def outlive_worker() -> None:
    """Let this process go on when the pipe that its log goes to breaks; rich would leave with status 1."""
    for handler in _console_handlers():
        handler.console.on_broken_pipe = _discard_output  # type: ignore[method-assign]


def _discard_output() -> None:
    """What is written from now on goes nowhere; the log that the server keeps is not touched."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is not None:
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _console_handlers() -> Iterator[PrefectConsoleHandler]:
    loggers = [logging.getLogger(), *map(logging.getLogger, logging.root.manager.loggerDict)]
    for logger in loggers:
        for handler in logger.handlers:
            if isinstance(handler, PrefectConsoleHandler):
                yield handler
