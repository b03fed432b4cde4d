"""Starts a pipeline on Render, local or cloud, and waits for its end: ``shardwise trigger``."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.exits import StoppedError, leave_by
from flows.on_render.api import Endpoint, RenderApi
from flows.on_render.connection import LostError
from flows.on_render.follow import SUCCEEDED, follow, task_of
from shared.run.errors import TerminalError, TransientError
from shared.run.job import Job
from shared.run.loading import CUSTOMERS, load_pipeline
from shared.run.parameters import parse, read_options
from shared.run.policy import ORCHESTRATOR_POLICY
from shared.run.urls import absolute, is_local

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOCAL_PROGRESS_INTERVAL, CLOUD_PROGRESS_INTERVAL = 0.5, 5.0  # seconds between two counts of the subtasks

Given = dict[str, Any]


def trigger(  # noqa: PLR0913 — one parameter per option
    *,
    pipeline: Annotated[
        str | None, typer.Option(help="What runs, like my_team.clicks:pipeline (default: the customer merge)")
    ] = None,
    param: Annotated[list[str] | None, typer.Option(help="A parameter of the pipeline, key=value")] = None,
    data: Annotated[str | None, typer.Option(help="Folder of the data (default: as the worker is set)")] = None,
    store: Annotated[str | None, typer.Option(help="Where runs live (the same)")] = None,
    shards: Annotated[int | None, typer.Option(help="1 to 1,000 (the same)")] = None,
    run_id: Annotated[str | None, typer.Option(help="Name the run; an earlier one's name resumes it")] = None,
    max_rejects: Annotated[str | None, typer.Option(help="Rows that may be rejected: 10 or 0.5% (the same)")] = None,
    timeout: Annotated[
        float, typer.Option(min=0, help="Seconds to wait")
    ] = ORCHESTRATOR_POLICY.timeout.total_seconds(),
    idempotency_key: Annotated[
        str | None, typer.Option(help="The same key again, within a day, finds the run it started")
    ] = None,
    following: Annotated[
        str | None,
        typer.Option("--follow", metavar="RUN", help="Start nothing: wait for an earlier run"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON and nothing else")] = False,
) -> None:
    """Run a pipeline on Render: on the local server that RENDER_USE_LOCAL_DEV names, else on the cloud."""
    started = time.monotonic()
    endpoint = Endpoint.from_environment()
    parameters = read_options(param or ()) | ({"max_rejects": max_rejects} if max_rejects is not None else {})
    fields = {"pipeline": pipeline, "num_shards": shards, "run_id": run_id, "parameters": parameters or None}
    given = {name: value for name, value in fields.items() if value is not None} | urls(endpoint, data, store)
    if following and (given or idempotency_key):
        raise TerminalError(f"--follow {following} starts nothing, so it takes no options of a start; leave them out")
    Job.from_json({"run_id": "any", "data_url": "any", "store_url": "any"} | given)  # refuses what cannot work
    if pipeline is None:  # another may be known to the worker alone
        parse(load_pipeline(CUSTOMERS), parameters)
    with RenderApi(endpoint) as api:
        run = following or api.start(task_of(pipeline), [given] if given else [], idempotency_key)
        with cancellable(api, run), resumable(run):
            typer.echo(f"Run {'followed' if following else 'started'}: {run}", err=as_json)
            with progress(api, run) as on_poll:
                result = follow(api, run, timeout, on_poll)
    if as_json:
        typer.echo(json.dumps(result, indent=1))
    else:
        typer.echo(_sentence(result, time.monotonic() - started))
    if result.get("profiles_generated") == 0:
        raise TerminalError(
            "there was nothing to merge: no row is left of the sources that the worker read; name another folder by "
            "--data, or by SHARDWISE_DATA_URL where the worker runs"
        )


def _sentence(result: Given, seconds: float) -> str:
    """The result in one line; the customer merge's is the one that scripts of its tutorial look for."""
    if "profiles_generated" in result:
        what = f"Merged {result['profiles_generated']} enriched profiles across {result['shards_processed']} shards"
    else:
        what = f"Run {result['run_id']} is done, {result['shards_processed']} shards, digest {result['digest']},"
    return f"{what} in {seconds:.1f}s"


def urls(endpoint: Endpoint, data: str | None, store: str | None) -> Given:
    """The data and the store that were named, as the worker can find them.

    Raises:
        TerminalError: A folder of this machine is named to the cloud.
    """
    given = {name: absolute(url) for name, url in (("data_url", data), ("store_url", store)) if url is not None}
    for name, url in given.items():
        if is_local(url) and not endpoint.local:
            raise TerminalError(
                f"{name} is {url}, a folder of this machine, which Render's cloud cannot read; "
                "name a bucket such as s3://my-bucket/customers"
            )
    return given


@contextmanager
def cancellable(api: RenderApi, run: str) -> Iterator[None]:
    """Offer to cancel the run when a person stops waiting for it; without a terminal, say how and leave it running."""
    try:
        yield
    except KeyboardInterrupt:
        if _wants_to_cancel():
            api.cancel(run)
            raise StoppedError(f"the run {run} is canceled; what was committed stays") from None
        raise StoppedError(
            f"the run {run} is still running; wait for it by `shardwise trigger --follow {run}`, or cancel it by "
            f"`{api.how_to_cancel(run)}`"
        ) from None


@contextmanager
def resumable(run: str) -> Iterator[None]:
    """Say how to wait again when Render has not answered for too long."""
    try:
        yield
    except LostError as error:
        raise TransientError(
            f"{error}; the run {run} may still be running, wait for it by `shardwise trigger --follow {run}`"
        ) from error


def _wants_to_cancel() -> bool:
    try:
        return sys.stdin.isatty() and sys.stderr.isatty() and typer.confirm("\nCancel the run, too?", err=True)
    except typer.Abort:
        return False


@contextmanager
def progress(api: RenderApi, run: str) -> Iterator[Callable[[], None]]:
    """Show on a terminal how many subtasks are in which state; the yielded function asks and shows."""
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


def main() -> None:
    """Run ``python -m flows.on_render.trigger``."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(trigger)
    leave_by(app)


if __name__ == "__main__":
    main()
