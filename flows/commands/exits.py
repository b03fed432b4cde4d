"""How a command ends: with one message and an exit code, never with a bare traceback."""

from __future__ import annotations

import logging
import os
import signal
import sys
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from typing import TYPE_CHECKING, NoReturn

import typer

from shared.run.errors import StoppedError, TerminalError, TransientError
from shared.run.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FAILED, WRONG_USE, INTERRUPTED = 1, 2, 130  # exit codes; 0 is success

logger = logging.getLogger("shardwise")


def fail(message: str) -> None:
    """Print an error to stderr."""
    with suppress(OSError):  # stderr has no reader
        typer.echo(f"shardwise: {printable(message)}", err=True)


@contextmanager
def showing() -> Iterator[None]:
    """Show a result in the block. If it cannot be printed, the command still succeeds."""
    try:
        yield
        if sys.stdout:
            sys.stdout.flush()
    except SystemExit:
        pass  # rich exits if the reader has closed the pipe
    except OSError as error:
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, sys.stdout.fileno())  # the rest of the buffer is written there when the process ends
        if not isinstance(error, BrokenPipeError):
            fail(f"the result cannot be shown: {error.strerror}")


@contextmanager
def printing_apart(*, apart: bool) -> Iterator[None]:
    """Send what a pipeline and its child processes print in the block to stderr, so that stdout has only the result.

    Args:
        apart: False changes nothing.
    """
    if not (apart and sys.stdout and sys.stderr):
        yield
        return
    sys.stdout.flush()
    output = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(output, 1)
        os.close(output)


def _open_standard_streams() -> None:
    """Open 0, 1 and 2 if they are closed; otherwise a pipe could get one of these numbers."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:  # noqa: PLR2004 — stdin, stdout, stderr
        os.set_inheritable(number, True)  # noqa: FBT003 — its signature
    os.close(number)


def leave_by(command: Callable[[], None]) -> None:
    """Run a command. Every failure becomes one message and an exit code."""
    _open_standard_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # None if it is closed
            stream.reconfigure(errors="backslashreplace")  # characters that its encoding does not have
    _end_on_signals()
    try:
        _check_folder()
        command()
    except SystemExit as exit_:
        if exit_.code == INTERRUPTED:
            fail("interrupted; committed work stays; run again with the same --run-id to resume")
        raise
    except StoppedError as stopped:
        fail(str(stopped))
        sys.exit(INTERRUPTED)
    except TerminalError as error:
        fail(str(error))
        sys.exit(WRONG_USE)
    except Exception as error:  # the last handler: print a message; --verbose prints the traceback
        logger.info("the whole story:", exc_info=True)
        fail(str(error) if isinstance(error, TransientError) else f"{type(error).__name__}: {error}")
        sys.exit(FAILED)


def _end_on_signals() -> None:
    """Raise an exception on a signal, so that servers of this process end with it; nohup is respected."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _end)


def _end(number: int, _frame: object) -> NoReturn:
    signal.signal(number, signal.SIG_DFL)  # the second signal ends the process at once
    sys.exit(128 + number)


def _check_folder() -> None:
    """Refuse a deleted current folder, because relative paths do not work in it and Prefect reads it."""
    try:
        os.getcwd()  # noqa: PTH109 — the question is whether there is one
    except FileNotFoundError as error:
        raise TerminalError("the current folder has been deleted; change to one that exists") from error
