"""Follows a task run on Render to its end, by asking: a stream of events would report failed attempts as ends."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from flows.on_render.api import LostError
from flows.on_render.wire import received
from shared.run.errors import TerminalError, TransientError
from shared.run.loading import CUSTOMERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from flows.on_render.api import RenderApi

JsonObject = dict[str, Any]

SUCCEEDED = {"completed", "succeeded"}
FINAL = SUCCEEDED | {"failed", "canceled"}
SHORTEST, LONGEST = 0.02, 1.0  # seconds between two looks; they grow with the time waited, to be late by little of it
GROWTH = 0.05
CONFIRM_SECONDS = 0.2  # a failed attempt shows as a failed run for a moment before its retry
PATIENCE = 5  # unanswered questions in a row
MISCALLED = re.compile(r"(positional|keyword|required) .*argument|argument after \*|not iterable")


def task_of(pipeline: str | None) -> str:
    """The task that runs a pipeline; None is the customer merge."""
    return "merge_customer_data" if pipeline in {None, CUSTOMERS} else "run_pipeline"


def follow(api: RenderApi, run_id: str, timeout: float, on_look: Callable[[], None] = lambda: None) -> JsonObject:
    """Wait for the end of a run of a pipeline.

    Args:
        api: Where it runs.
        run_id: A root run.
        timeout: Seconds to wait at most.
        on_look: Called after each look that did not find the end.

    Returns:
        The run's result.

    Raises:
        TerminalError: The run failed, and running it again cannot help.
        TransientError: It failed otherwise, was canceled, is lost, or goes on after the timeout.
    """
    started = time.monotonic()
    lost = 0
    while True:
        try:
            details = _look(api, run_id)
            if details["status"] in FINAL:
                return _result(details)
            on_look()
            lost = 0
        except LostError:
            lost += 1
            if lost == PATIENCE:
                raise
        waited = time.monotonic() - started
        if waited >= timeout:
            raise TransientError(
                f"the run {run_id} has not ended after {timeout:g} s, and goes on; cancel it by "
                f"`{api.how_to_cancel(run_id)}`, or wait longer by --timeout"
            )
        time.sleep(min(max(waited * GROWTH, SHORTEST), LONGEST, timeout - waited))


def _look(api: RenderApi, run_id: str) -> JsonObject:
    """The run as it is; failed only when it stays so."""
    details = api.run(run_id)
    if details["status"] == "failed":
        time.sleep(CONFIRM_SECONDS)
        details = api.run(run_id)
    return details


def _result(details: JsonObject) -> JsonObject:
    if details["status"] == "canceled":
        raise TransientError(f"the run {details['id']} was canceled; what was committed stays")
    if details["status"] == "failed":
        raise _failure(details)
    match details.get("results"):
        case [{"digest": str(), "shards_processed": int()} as result]:
            return dict(result)
        case other:
            raise TerminalError(
                f"the task answered {other!r:.80}, which is no result of a run; is it our app that runs?"
            )


def _failure(details: JsonObject) -> TerminalError | TransientError:
    text = details.get("error") or "it failed without a message"
    if MISCALLED.search(text):
        return TerminalError(
            f"the task that runs cannot be called like this: {text}; is it our app, and as new as this command?"
        )
    error = received(text)
    if "SHARDWISE_" in text:
        return type(error)(f"{error}. Settings count where the worker runs")
    return error
