"""Passes errors through Render, which keeps an error's text, drops its type, and retries the task."""

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

SUBTASK = "Subtask failed: "  # the SDK's prefix for a subtask's error
RETURNED = "terminal_error"  # the key for an error that a subtask returns
AT_ONCE = 200  # parallel subtasks of a run, at most: twice the concurrency of Render's plans

logger = logging.getLogger("shardwise")


class WireError(Exception):
    """An attempt's error for Render; the text contains its type."""


@contextmanager
def reported() -> Iterator[None]:
    """Log an error of the block to stderr with its traceback, and raise it as a WireError."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    logger.setLevel("INFO")
    try:
        yield
    except Exception as error:
        logger.exception("event=task_failed")
        raise WireError(f"{type(error).__name__}: {error}") from error


@contextmanager
def answering(ctx: TaskContext) -> Iterator[JsonObject]:
    """Return a terminal error of the block to the task that started this one, which raises it, so that the run fails.

    Render retries every error that a task raises, so raising it would use all attempts. A task that a user started
    raises it.

    Args:
        ctx: The task's context.

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
    """Return the error for a task's error text; unknown errors, such as crashes, count as transient."""
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
    """Return what a subtask returned, or the error that it raised or returned."""
    try:
        end = await subtask
        return received(end[RETURNED]) if isinstance(end, dict) and RETURNED in end else end
    except Exception as error:  # noqa: BLE001 — of whatever type it arrives
        return received(str(error))


async def gathered(starts: Iterable[Callable[[], Awaitable[Any]]], outage: Outage) -> list[Any]:
    """Run subtasks in parallel and return all ends, each a result or an error.

    Args:
        starts: Each starts a subtask; at most ``AT_ONCE`` run at a time.
        outage: Notes the ends in order.

    Raises:
        StoreError: The store failed for several shards in a row. The other subtasks do not start; running ones
            continue.
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
