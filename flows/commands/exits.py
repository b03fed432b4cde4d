"""How a command of ours ends: with one message and an exit code, never with a bare traceback."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

import typer

from shared.run.errors import TerminalError, TransientError

if TYPE_CHECKING:
    from collections.abc import Callable

FAILED, WRONG_USE, INTERRUPTED = 1, 2, 130  # exit codes; 0 is done

logger = logging.getLogger("shardwise")


class StoppedError(Exception):
    """A person has stopped the command; the text says what became of its work."""


def fail(message: str) -> None:
    """Tell on stderr what went wrong."""
    typer.echo(f"shardwise: {message}", err=True)


def leave_by(command: Callable[[], None]) -> None:
    """Run a command; every failure becomes one message and an exit code."""
    try:
        command()
    except SystemExit as exit_:
        if exit_.code == INTERRUPTED:
            fail("interrupted; what was committed stays, and running again with the same --run-id goes on from there")
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
