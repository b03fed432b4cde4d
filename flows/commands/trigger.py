"""``shardwise trigger``: starts a pipeline on Render, local or cloud, and waits for its end."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.exits import leave_by, showing
from flows.commands.options import JsonOption, ParamOption, PipelineOption, RunIdOption  # noqa: TC001 — typer reads the annotations
from shared.run.errors import TerminalError
from shared.run.job import CUSTOMERS, Job
from shared.run.loading import load_pipeline
from shared.run.parameters import parse, read_options
from shared.run.policy import RUN_TIMEOUT
from shared.run.printable import printable
from shared.run.urls import absolute, is_local

if TYPE_CHECKING:
    from flows.on_render.endpoint import Endpoint

Given = dict[str, Any]


def trigger(  # noqa: PLR0913 — one parameter per option
    *,
    pipeline: PipelineOption = None,
    param: ParamOption = None,
    data: Annotated[str | None, typer.Option(help="Data folder (default: the worker's)")] = None,
    store: Annotated[str | None, typer.Option(help="Store of the runs (default: the worker's)")] = None,
    shards: Annotated[int | None, typer.Option(help="Number of shards, 1 to 10,000 (default: the worker's)")] = None,
    run_id: RunIdOption = None,
    max_rejects: Annotated[str | None, typer.Option(help="Rows that may be rejected (default: the worker's)")] = None,
    timeout: Annotated[float, typer.Option(min=0, help="Maximum wait in seconds")] = RUN_TIMEOUT.total_seconds(),
    idempotency_key: Annotated[
        str | None, typer.Option(help="A second start with the same key within a day waits for the first run")
    ] = None,
    following: Annotated[
        str | None, typer.Option("--follow", metavar="RUN", help="Wait for an earlier run; start nothing")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run a pipeline on Render: on the local server of RENDER_USE_LOCAL_DEV, else on the cloud."""
    from flows.on_render.api import RenderApi  # imported here, because only this command needs an HTTP client
    from flows.on_render.endpoint import Endpoint
    from flows.on_render.follow import follow, task_of
    from flows.on_render.waiting import cancellable, progress, resumable

    started = time.monotonic()
    endpoint = Endpoint.from_environment()
    parameters = read_options(param or ()) | ({"max_rejects": max_rejects} if max_rejects is not None else {})
    fields = {"pipeline": pipeline, "num_shards": shards, "run_id": run_id, "parameters": parameters or None}
    given = {name: value for name, value in fields.items() if value is not None} | urls(endpoint, data, store)
    if following and (given or idempotency_key):
        raise TerminalError(f"--follow {following} starts no run; remove the options of a start")
    Job.from_json({"run_id": "any", "data_url": "any", "store_url": "any"} | given)  # fails early for invalid values
    if pipeline is None:  # other pipelines may be known only to the worker
        parse(load_pipeline(CUSTOMERS), parameters)
    with RenderApi(endpoint) as api:
        run = following or api.start(task_of(pipeline), [given] if given else [], idempotency_key)
        with cancellable(api, run), resumable(run):
            typer.echo(f"Run {'followed' if following else 'started'}: {run}", err=as_json)
            with progress(api, run) as on_poll:
                result = follow(api, run, timeout, on_poll)
        seconds = api.seconds(run) if following else time.monotonic() - started
    with showing():
        typer.echo(json.dumps(result, indent=1) if as_json else _sentence(result, seconds))
    if result.get("profiles_generated") == 0:
        raise TerminalError(
            "nothing to merge: the sources that the worker read have no valid rows; set another folder with --data, "
            "or with SHARDWISE_DATA_URL where the worker runs"
        )


def _sentence(result: Given, seconds: float) -> str:
    """Return the result as one line; scripts of the tutorial search for the line of the customer merge."""
    if "profiles_generated" in result:
        what = f"Merged {result['profiles_generated']} enriched profiles across {result['shards_processed']} shards"
    else:
        what = f"Run {result['run_id']} is done, {result['shards_processed']} shards, digest {result['digest']},"
    return printable(f"{what} in {seconds:.1f}s")


def urls(endpoint: Endpoint, data: str | None, store: str | None) -> Given:
    """Return the named data and store as the worker can find them.

    Raises:
        TerminalError: A local folder is named for the cloud.
    """
    given = {name: absolute(url) for name, url in (("data_url", data), ("store_url", store)) if url is not None}
    for name, url in given.items():
        if is_local(url) and not endpoint.local:
            raise TerminalError(
                f"{name} is {url}, a folder of this machine, which Render's cloud cannot read; "
                "name a bucket such as s3://my-bucket/customers"
            )
    return given


def main() -> None:
    """Run ``python -m flows.commands.trigger``."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(trigger)
    leave_by(app)


if __name__ == "__main__":
    main()
