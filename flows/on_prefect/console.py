"""Lets a flow's process survive the worker that reads its console log."""

from __future__ import annotations

import logging
import os
import sys

from prefect.logging.handlers import PrefectConsoleHandler


class LastingHandler(logging.Handler):
    """Writes with another handler. Rich ends the process when its reader is gone; this handler does not."""

    def __init__(self, console: logging.Handler) -> None:
        super().__init__(console.level)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record while there is a reader."""
        try:
            self._console.handle(record)
        except SystemExit:
            _discard_output()


def outlive_worker() -> None:
    """Keep this process running when the pipe of its log breaks; the log on the server is complete."""
    root = logging.getLogger()
    for handler in [each for each in root.handlers if isinstance(each, PrefectConsoleHandler)]:
        root.removeHandler(handler)
        root.addHandler(LastingHandler(handler))


def _discard_output() -> None:
    """Discard all further output."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is not None:
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
