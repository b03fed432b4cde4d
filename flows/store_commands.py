"""The commands that look at what is in a store: ``show``, ``runs``, ``clean``."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from flows.exits import FAILED, fail
from flows.options import JsonOption, PipelineOption, StoreOption  # noqa: TC001 — typer reads the annotations
from flows.own_pipeline import allow_named
from flows.summary import print_summary
from shared.run.job import make_job
from shared.run.loading import load_pipeline
from shared.run.run import Run
from shared.run.store import open_store

if TYPE_CHECKING:
    from shared.run.run import JsonObject


def show(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="The run's id")],
    *,
    pipeline: PipelineOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a finished run."""
    if pipeline:
        allow_named(pipeline)
    job = make_job(run_id=run_id, store_url=store, pipeline=pipeline)
    of_run = Run(job, open_store(job.store_url))
    wanted = of_run.record["num_shards"]
    if (result := of_run.result()) is None:
        of_run.check_resumable()
        fail(
            f"run {run_id} has not finished: {len(of_run.committed())} of {wanted} shards are committed, and "
            f"nothing of it is published; run again with --run-id {run_id} to finish it"
        )
        raise typer.Exit(FAILED)
    print_result(job.pipeline, result, as_json=as_json)


def runs(*, store: StoreOption = None, as_json: JsonOption = False) -> None:
    """List the runs of a store, the latest last."""
    from flows.summary import print_runs
    from shared.run.listing import list_runs
    from shared.run.marker import is_marked

    of_store = open_store(make_job(store_url=store).store_url)
    is_marked(of_store)  # tells what is wrong with one that cannot be read
    found = list_runs(of_store)
    if as_json:
        typer.echo(json.dumps([asdict(run) for run in found], indent=1))
    elif found:
        print_runs(Console(), found)
    else:
        typer.echo(f"{of_store.url} has no runs", err=True)


def clean(
    *,
    older_than: Annotated[str, typer.Option(help="Age like 30d, 12h or 15m")],
    store: StoreOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Remove them; without it they are only listed")] = False,
) -> None:
    """Remove old stagings, runs, parity checks and temporary files from a store; never a staging in use."""
    from shared.run.clean import find_old, parse_age, remove

    url, age = make_job(store_url=store).store_url, parse_age(older_than)
    names = find_old(url, age)
    for name in names:
        typer.echo(f"{url}/{name}")
    if not yes:
        typer.echo(f"{len(names)} to remove; add --yes to do it", err=True)
        return
    for name in remove(url, names, age):
        typer.echo(f"kept, since it has just been used: {url}/{name}", err=True)


def print_result(pipeline: str, result: JsonObject, *, as_json: bool) -> None:
    """Print a run's result for a person, or as JSON and nothing else."""
    if as_json:
        typer.echo(json.dumps(result, indent=1))
    else:
        print_summary(Console(), load_pipeline(pipeline), result)
