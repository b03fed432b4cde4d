"""Shows progress during a run on Render, and lets the user cancel it."""

from __future__ import annotations

import sys
import time
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from flows.on_render.connection import LostError
from flows.on_render.follow import FINAL, SUCCEEDED
from shared.run.errors import StoppedError, TransientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flows.on_render.api import RenderApi

LOCAL_PROGRESS_INTERVAL, CLOUD_PROGRESS_INTERVAL = 0.5, 5.0  # seconds between two counts of the subtasks


@contextmanager
def cancellable(api: RenderApi, run: str) -> Iterator[None]:
    """Ask whether to cancel the run on Ctrl-C; without a terminal, say how to cancel it and leave it running.

    If the run has ended meanwhile, report that.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise StoppedError(_stopped(api, run)) from None


def _stopped(api: RenderApi, run: str) -> str:
    """Return how a run ended that is no longer waited for."""
    if not _ended(api, run) and _wants_to_cancel():
        try:
            api.cancel(run)
        except TransientError:
            if not _ended(api, run):
                raise
        else:
            return f"the run {run} is canceled; committed shards stay"
    return _ended(api, run) or (
        f"the run {run} is still running; wait for it with `shardwise trigger --follow {run}`, or cancel it with "
        f"`{api.how_to_cancel(run)}`"
    )


def _ended(api: RenderApi, run: str) -> str:
    """Return how a run ended, and how to see more; empty if it has not ended, or there is no answer."""
    if (state := api.state(run)) not in FINAL:
        return ""
    return f"the run {run} has ended: it is {state}; `shardwise trigger --follow {run}` shows how"


@contextmanager
def resumable(run: str) -> Iterator[None]:
    """Say how to wait again if Render has not answered for too long."""
    try:
        yield
    except LostError as error:
        raise TransientError(
            f"{error}; the run {run} may still be running, wait for it with `shardwise trigger --follow {run}`"
        ) from error


def _wants_to_cancel() -> bool:
    try:
        return sys.stdin.isatty() and sys.stderr.isatty() and typer.confirm("\nCancel the run, too?", err=True)
    except typer.Abort:
        return False


@contextmanager
def progress(api: RenderApi, run: str) -> Iterator[Callable[[], None]]:
    """Show the number of subtasks per state on a terminal; the yielded function updates it."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    interval = LOCAL_PROGRESS_INTERVAL if api.endpoint.local else CLOUD_PROGRESS_INTERVAL
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task("starting", total=None)
        due = 0.0

        def show() -> None:
            nonlocal due
            if time.monotonic() >= due:
                states = Counter(str(subtask["status"]) for subtask in api.subtasks(run))
                text = ", ".join(f"{count} {state}" for state, count in sorted(states.items())) or "starting"
                completed = sum(states[state] for state in SUCCEEDED)
                bars.update(bar, description=text, completed=completed, total=states.total() or None)
                due = time.monotonic() + interval

        yield show
