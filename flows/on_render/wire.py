"""Errors on their way through Render, which carries an error's text and drops its type and traceback."""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from shared.run.errors import TerminalError, TransientError

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Iterator

SUBTASK = "Subtask failed: "  # what the SDK puts before a subtask's error

logger = logging.getLogger("shardwise")


class WireError(Exception):
    """An attempt's error as Render sees it: its type is in the text."""


@contextmanager
def reported() -> Iterator[None]:
    """Log a failure of the block to stderr with its traceback, and raise it as a WireError."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    logger.setLevel("INFO")
    try:
        yield
    except Exception as error:
        logger.exception("event=task_failed")
        raise WireError(f"{type(error).__name__}: {error}") from error


def received(text: str) -> TerminalError | TransientError:
    """The error that a task's error text stands for; what is not ours, such as a crash, may succeed another time."""
    text = text.removeprefix(SUBTASK)
    kind, _, rest = text.partition(": ")
    match kind:
        case "TerminalError" | "StoreUnusableError":
            return TerminalError(rest)
        case "TransientError" | "ShardsFailedError" | "StoreError":
            return TransientError(rest)
    return TransientError(text)


async def gathered(subtasks: Iterable[Coroutine[Any, Any, Any]]) -> list[Any]:
    """Run subtasks side by side and return the ends of all, each a result or an error: none is left to run alone."""
    ends = await asyncio.gather(*subtasks, return_exceptions=True)
    return [received(str(end)) if isinstance(end, Exception) else end for end in ends]
