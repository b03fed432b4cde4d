"""How a command of ours ends: with one message and an exit code, never with a bare traceback."""

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

FAILED, WRONG_USE, INTERRUPTED = 1, 2, 130  # exit codes; 0 is done

logger = logging.getLogger("shardwise")


def fail(message: str) -> None:
    """Tell on stderr what went wrong."""
    with suppress(OSError):  # nobody can read it
        typer.echo(f"shardwise: {printable(message)}", err=True)


@contextmanager
def showing() -> Iterator[None]:
    """Show a result in the block: a command whose work is done ends well, also where nobody can read its output."""
    try:
        yield
        if sys.stdout:
            sys.stdout.flush()
    except SystemExit:
        pass  # rich ends the process where a reader has gone
    except OSError as error:
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, sys.stdout.fileno())  # what is left in the buffer goes there when the process ends
        if not isinstance(error, BrokenPipeError):
            fail(f"the result cannot be shown: {error.strerror}")


@contextmanager
def printing_apart(*, apart: bool) -> Iterator[None]:
    """In the block, what a pipeline and its child processes print goes to stderr: the output is the result alone.

    Args:
        apart: False leaves everything as it is.
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
    """Give 0, 1 and 2 a file where they are closed: else a pipe gets the number, and what processes print."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:  # noqa: PLR2004 — stdin, stdout, stderr
        os.set_inheritable(number, True)  # noqa: FBT003 — its signature
    os.close(number)


def leave_by(command: Callable[[], None]) -> None:
    """Run a command; every failure becomes one message and an exit code."""
    _open_standard_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # None where it is closed
            stream.reconfigure(errors="backslashreplace")  # what its encoding lacks
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
    except Exception as error:  # the last place to catch it: a person gets a message, --verbose the rest
        logger.info("the whole story:", exc_info=True)
        fail(str(error) if isinstance(error, TransientError) else f"{type(error).__name__}: {error}")
        sys.exit(FAILED)


def _end_on_signals() -> None:
    """End by an exception where a signal asks for it, so that servers of this process end with it; nohup is heeded."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _end)


def _end(number: int, _frame: object) -> NoReturn:
    signal.signal(number, signal.SIG_DFL)  # the second one ends it at once
    sys.exit(128 + number)


def _check_folder() -> None:
    """Refuse a current folder that has been deleted: no relative path means anything there, and Prefect reads it."""
    try:
        os.getcwd()  # noqa: PTH109 — the question is whether there is one
    except FileNotFoundError as error:
        raise TerminalError("the current folder has been deleted; change to one that exists") from error
