"""Errors on their way through Render, which carries an error's text, drops its type, and retries the task."""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from shared.run.errors import StoreError, StoreUnusableError, TerminalError, TransientError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator

    from render import TaskContext

    from shared.run.outage import Outage

    JsonObject = dict[str, Any]

SUBTASK = "Subtask failed: "  # what the SDK puts before a subtask's error
RETURNED = "terminal_error"  # the key under which a subtask returns one
AT_ONCE = 200  # subtasks of a run: twice what Render's plans run at a time, and all that fail for one outage

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


@contextmanager
def answering(ctx: TaskContext) -> Iterator[JsonObject]:
    """Keep a terminal error of the block for the task that started this one, which raises it: the run then fails.

    Render retries whatever a task raises, so the error would cost all attempts. A task that a person started raises it.

    Args:
        ctx: Of the task.

    Yields:
        What the task returns; the block puts its result into it.
    """
    answer: JsonObject = {}
    with reported():
        try:
            yield answer
        except TerminalError as error:
            if not ctx.metadata.parent_task_run_id:
                raise
            logger.exception("event=task_failed")
            answer[RETURNED] = f"{type(error).__name__}: {error}"


def received(text: str) -> TerminalError | TransientError:
    """The error that a task's error text stands for; what is not ours, such as a crash, may succeed another time."""
    text = text.removeprefix(SUBTASK)
    kind, _, rest = text.partition(": ")
    match kind:
        case "TerminalError":
            return TerminalError(rest)
        case "StoreUnusableError":
            return StoreUnusableError(rest)
        case "StoreError":
            return StoreError(rest)
        case "TransientError" | "ShardsFailedError":
            return TransientError(rest)
    return TransientError(text)


async def ended(subtask: Awaitable[Any]) -> Any:  # noqa: ANN401 — what the task returns
    """What a subtask returns, or the error that it raised or returned."""
    try:
        end = await subtask
        return received(end[RETURNED]) if isinstance(end, dict) and RETURNED in end else end
    except Exception as error:  # noqa: BLE001 — of whatever type it arrives
        return received(str(error))


async def gathered(starts: Iterable[Callable[[], Awaitable[Any]]], outage: Outage) -> list[Any]:
    """Run subtasks side by side and return the ends of all, each a result or an error: none is left to run alone.

    Args:
        starts: Each starts a subtask; at most ``AT_ONCE`` have not ended at a time.
        outage: Takes note of the ends in their order.

    Raises:
        StoreError: The outage is on; what has not been started is not, and what runs is left running.
    """
    slots = asyncio.Semaphore(AT_ONCE)

    async def run(start: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401 — the same
        async with slots:
            end = await ended(start())
            if outage.ended(end if isinstance(end, Exception) else None):
                raise outage.error()
            return end

    subtasks = [asyncio.ensure_future(run(start)) for start in starts]
    try:
        return await asyncio.gather(*subtasks)
    finally:
        for subtask in subtasks:
            subtask.cancel()
