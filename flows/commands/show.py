"""``shardwise show``: prints the result of a finished run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.exits import FAILED, fail, printing_apart
from flows.commands.options import JsonOption, PipelineOption, StoreOption  # noqa: TC001 — typer reads the annotations
from flows.commands.own_pipeline import allow_named
from flows.commands.summary import print_result
from shared.run.loading import allowed_pipelines, load_pipeline
from shared.run.new_job import make_job
from shared.run.run import Run
from shared.run.store import open_store

if TYPE_CHECKING:
    from shared.run.pipeline import Json, LoadedPipeline


def show(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="The run's id")],
    *,
    pipeline: PipelineOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the result of a finished run."""
    with printing_apart(apart=as_json):
        known, result = _found(run_id, pipeline, store)
    print_result(known, result, as_json=as_json)


def _found(run_id: str, pipeline: str | None, store: str | None) -> tuple[LoadedPipeline | None, Json]:
    """Return a finished run's pipeline, if it can be imported here, and its result."""
    if pipeline:
        allow_named(pipeline)
    job = make_job(run_id=run_id, store_url=store, pipeline=pipeline)
    of_run = Run(job, open_store(job.store_url))
    wanted = of_run.record["num_shards"]
    if (result := of_run.result()) is None:
        fail(
            f"run {run_id} has not finished: {len(of_run.committed())} of {wanted} shards are committed, and "
            f"nothing of it is published; run again with --run-id {run_id} to finish it"
        )
        raise typer.Exit(FAILED)
    reference = pipeline or of_run.record["reference"]
    return load_pipeline(reference) if reference in allowed_pipelines() else None, result
