"""Waits for the end of a task run by polling, because Render's event stream reports failed attempts as ends."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from flows.on_render.api import VanishedError
from flows.on_render.wire import received
from shared.run.errors import TerminalError, TransientError
from shared.run.job import CUSTOMERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from flows.on_render.api import RenderApi

JsonObject = dict[str, Any]

SUCCEEDED = {"completed", "succeeded"}
FINAL = SUCCEEDED | {"failed", "canceled"}
LOCAL_POLL_INTERVAL = 0.02, 1.0  # seconds, shortest and longest; they grow with the time waited
CLOUD_POLL_INTERVAL = 0.5, 5.0  # the cloud limits requests per minute
GROWTH = 0.05
LOCAL_CONFIRM_SECONDS, CLOUD_CONFIRM_SECONDS = 0.2, 1.0  # before a run that failed or vanished is checked again
# Python's messages for wrong arguments; errors of our tasks start with their type
CALLED_WRONGLY = re.compile(r"[\w.<>]+\(\) (takes|got|missing) |([\w.<>]+\(\) argument|Value) after \*")


def task_of(pipeline: str | None) -> str:
    """Return the task that runs a pipeline; None is the customer merge."""
    return "merge_customer_data" if pipeline in {None, CUSTOMERS} else "run_pipeline"


def follow(api: RenderApi, run_id: str, timeout: float, on_poll: Callable[[], None] = lambda: None) -> JsonObject:
    """Wait for the end of a run of a pipeline.

    Args:
        api: The server.
        run_id: A root run.
        timeout: The maximum wait in seconds.
        on_poll: Called after each answer that is not the end.

    Returns:
        The run's result.

    Raises:
        TerminalError: The run failed, and another run cannot help.
        TransientError: The run failed for another reason, was canceled, has vanished, or is still running after the
            timeout.
        LostError: Render has not answered for longer than the endpoint's patience; the run may still be running.
    """
    shortest, longest = LOCAL_POLL_INTERVAL if api.endpoint.local else CLOUD_POLL_INTERVAL
    started = time.monotonic()
    while True:
        details = _confirmed(api, run_id)
        if details["status"] in FINAL:
            return _result(details)
        on_poll()
        waited = time.monotonic() - started
        if waited >= timeout:
            raise TransientError(
                f"the run {run_id} has not ended after {timeout:g} s and is still running; cancel it with "
                f"`{api.how_to_cancel(run_id)}`, or wait longer with `shardwise trigger --follow {run_id}`"
            )
        time.sleep(min(max(waited * GROWTH, shortest), longest, timeout - waited))


def _confirmed(api: RenderApi, run_id: str) -> JsonObject:
    """Return the run. A failed or unknown run is checked again, because a failed attempt briefly shows as a failed run.

    A new run may be unknown for a moment.
    """
    try:
        if (details := api.run(run_id))["status"] != "failed":
            return details
    except VanishedError:
        pass
    time.sleep(LOCAL_CONFIRM_SECONDS if api.endpoint.local else CLOUD_CONFIRM_SECONDS)
    return api.run(run_id)


def _result(details: JsonObject) -> JsonObject:
    if details["status"] == "canceled":
        raise TransientError(f"the run {details['id']} was canceled; committed shards stay")
    if details["status"] == "failed":
        raise _failure(details)
    match details.get("results"):
        case [{"shards_processed": int()} as result]:
            return dict(result)
        case other:
            raise TerminalError(
                f"the task answered {other!r:.80}, which is not a result of a run; does the server run another app?"
            )


def _failure(details: JsonObject) -> TerminalError | TransientError:
    text = details.get("error") or "it failed without a message"
    if CALLED_WRONGLY.match(text):
        return TerminalError(
            f"the task does not accept these arguments: {text}; does the server run another app, or an older version?"
        )
    error = received(text)
    if "SHARDWISE_" in text:
        return type(error)(f"{error}. Set variables where the worker runs")
    return error
