"""Follows a task run on Render by polling until it ends: a stream of events would report failed attempts as ends."""

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
LOCAL_POLL_INTERVAL = 0.02, 1.0  # seconds, shortest and longest; they grow with the time waited, to be late by little
CLOUD_POLL_INTERVAL = 0.5, 5.0  # the cloud limits the requests of a minute
GROWTH = 0.05
LOCAL_CONFIRM_SECONDS, CLOUD_CONFIRM_SECONDS = 0.2, 1.0  # before a run that failed or vanished is asked for again
# What Python says when a call does not fit; an error from inside a task of ours has its type in front.
CALLED_WRONGLY = re.compile(r"[\w.<>]+\(\) (takes|got|missing) |([\w.<>]+\(\) argument|Value) after \*")


def task_of(pipeline: str | None) -> str:
    """The task that runs a pipeline; None is the customer merge."""
    return "merge_customer_data" if pipeline in {None, CUSTOMERS} else "run_pipeline"


def follow(api: RenderApi, run_id: str, timeout: float, on_poll: Callable[[], None] = lambda: None) -> JsonObject:
    """Wait for the end of a run of a pipeline.

    Args:
        api: Where it runs.
        run_id: A root run.
        timeout: Seconds to wait at most.
        on_poll: Called after each answer that was not the end.

    Returns:
        The run's result.

    Raises:
        TerminalError: The run failed, and running it again cannot help.
        TransientError: It failed otherwise, was canceled, has vanished, or is still running after the timeout.
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
                f"the run {run_id} has not ended after {timeout:g} s and is still running; cancel it by "
                f"`{api.how_to_cancel(run_id)}`, or wait longer by `shardwise trigger --follow {run_id}`"
            )
        time.sleep(min(max(waited * GROWTH, shortest), longest, timeout - waited))


def _confirmed(api: RenderApi, run_id: str) -> JsonObject:
    """The run as it is; failed or unknown only when it stays so: a failed attempt shows as a failed run for a moment.

    A run that has just been started may be unknown for a moment, too.
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
        raise TransientError(f"the run {details['id']} was canceled; what was committed stays")
    if details["status"] == "failed":
        raise _failure(details)
    match details.get("results"):
        case [{"shards_processed": int()} as result]:
            return dict(result)
        case other:
            raise TerminalError(
                f"the task answered {other!r:.80}, which is not a result of a run; is it our app that runs?"
            )


def _failure(details: JsonObject) -> TerminalError | TransientError:
    text = details.get("error") or "it failed without a message"
    if CALLED_WRONGLY.match(text):
        return TerminalError(
            f"the task that runs cannot be called like this: {text}; is it our app, and as new as this command?"
        )
    error = received(text)
    if "SHARDWISE_" in text:
        return type(error)(f"{error}. Settings count where the worker runs")
    return error
