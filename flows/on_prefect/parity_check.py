"""A Prefect flow that merges here, triggers the same merge on Render, and fails when the two differ."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

from prefect import flow, runtime, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from pydantic import Field

from flows.on_render.api import Endpoint, RenderApi, local_url
from flows.on_render.engine import own_server
from flows.on_render.follow import follow, task_of
from flows.prefect_flow import merge_customer_data
from shared.customers.pipeline import MAX_REJECTS
from shared.isolation.pool import cores
from shared.run.difference import Difference, differing_shards, first_differences
from shared.run.errors import TerminalError
from shared.run.job import MAX_SHARDS, make_job
from shared.run.ledger import shard_step
from shared.run.policy import ORCHESTRATOR_POLICY
from shared.run.run import Run
from shared.run.urls import is_local

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.run.job import Job

JsonObject = dict[str, Any]

SHOWN = 5  # differences that are named
VERDICT, SHARDS = "parity-verdict", "parity-shards"  # fixed keys: the UI keeps one history for each


class DifferError(TerminalError):
    """The same sources gave different profiles on the two engines."""


@flow(flow_run_name=lambda: f"parity-{runtime.flow_run.id}", result_serializer="json")
def parity_check(
    *,
    data_url: str | None = None,
    store_url: str | None = None,
    num_shards: Annotated[int | None, Field(ge=1, le=MAX_SHARDS)] = None,
    max_rejects: Annotated[str | None, Field(pattern=f"^({MAX_REJECTS.pattern})$")] = None,
    render_data_url: str | None = None,
) -> JsonObject:
    """Run the merge on both engines, each into an empty store of its own, and compare the profiles.

    Render is the local server or the cloud that the environment names, else a local server for the time of the check.

    Args:
        data_url: Folder of the four CSVs, a path or URL; default: SHARDWISE_DATA_URL.
        store_url: Where both merges live, a path or URL both sides reach; default: SHARDWISE_STORE_URL.
        num_shards: From 1 to 1,000; default: SHARDWISE_NUM_SHARDS, else 10.
        max_rejects: Rows that may be rejected, '10' or '0.5%'; default: SHARDWISE_MAX_REJECTS, else none.
        render_data_url: Other data for Render's side; default: the same.

    Returns:
        ``equal`` (true), and the two results, ``prefect`` and ``render``.

    Raises:
        DifferError: They differ; the first customers and fields are named.
    """
    given = make_job(
        data_url=data_url, store_url=store_url, num_shards=num_shards, parameters={"max_rejects": max_rejects}
    )
    place = f"{given.store_url}/parity/{runtime.flow_run.id}"
    here = replace(given, run_id="prefect", store_url=f"{place}/prefect")
    there = replace(given, run_id="render", store_url=f"{place}/render", data_url=render_data_url or given.data_url)
    results = {"prefect": merge_here(here), "render": merge_on_render(there.to_json())}
    if differences := compare(Run.of(here.to_json()), Run.of(there.to_json()), results):
        redact = bool(given.parameters.get("redact"))
        raise DifferError("the engines differ:\n" + "\n".join(_sentence(found, redact) for found in differences))
    return {"equal": True, **results}


def merge_here(job: Job) -> JsonObject:
    """Run the merge as a subflow, so that the UI shows it below the check."""
    return merge_customer_data(
        data_url=job.data_url,
        store_url=job.store_url,
        num_shards=job.num_shards,
        run_id=job.run_id,
        max_rejects=job.parameters["max_rejects"],
    )


@task(task_run_name="merge-on-render", retries=0, cache_policy=NO_CACHE)
def merge_on_render(job: JsonObject) -> JsonObject:
    """Trigger the merge on Render, and wait for its result."""
    with _endpoint() as endpoint, RenderApi(endpoint) as api:
        if not endpoint.local and is_local(job["store_url"]):
            raise TerminalError(
                f"the store {job['store_url']} is a local folder, which Render's cloud cannot reach; "
                "set SHARDWISE_STORE_URL to a bucket that both sides can"
            )
        return follow(api, api.start(task_of(job["pipeline"]), [job]), ORCHESTRATOR_POLICY.timeout.total_seconds())


def compare(here: Run, there: Run, results: JsonObject) -> list[Difference]:
    """Publish the comparison of two finished runs, and return their first differences."""
    unequal = differing_shards(here, there)
    differences = first_differences(here, there, SHOWN)
    rows = [_row(here, there, shard, equal=shard not in unequal) for shard in range(here.job.num_shards)]
    create_table_artifact(rows, key=SHARDS, description="Shards of both engines")
    verdict = _verdict(results, unequal, differences, redact=bool(here.job.parameters.get("redact")))
    create_markdown_artifact(verdict, key=VERDICT, description="Whether the engines agree")
    return differences


@contextmanager
def _endpoint() -> Iterator[Endpoint]:
    if local_url() or os.environ.get("RENDER_API_KEY"):
        yield Endpoint.from_environment()
    else:
        with own_server(cores()) as url:
            yield Endpoint(url)


def _row(here: Run, there: Run, shard: int, *, equal: bool) -> JsonObject:
    left, right = here.manifest(shard) or {}, there.manifest(shard) or {}
    both: JsonObject = {"shard": shard_step(shard), "equal": "yes" if equal else "NO"}
    for field in ("attempt", "elapsed_ms", "digest"):
        both |= {f"prefect {field}": left.get(field), f"render {field}": right.get(field)}
    return both


def _verdict(results: JsonObject, unequal: list[int], differences: list[Difference], *, redact: bool) -> str:
    headline = f"Different in {len(unequal)} shards" if unequal else "Equal"
    fields = ("digest", "profiles_generated", "records_processed", "shards_processed", "rejects", "output")
    rows = "\n".join(f"| {field} | `{results['prefect'][field]}` | `{results['render'][field]}` |" for field in fields)
    found = "\n".join(f"* {_sentence(difference, redact)}" for difference in differences)
    return f"# {headline}\n\n| | Prefect | Render |\n|---|---|---|\n{rows}\n" + (
        f"\n## The first differences\n\n{found}\n" if found else ""
    )


def _sentence(difference: Difference, redact: bool) -> str:  # noqa: FBT001 — handed on from a job
    values = "" if redact else f": {difference.left!r} on Prefect, {difference.right!r} on Render"
    return f"{difference.key}, {difference.field}{values}"
