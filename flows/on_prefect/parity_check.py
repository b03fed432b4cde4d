"""A Prefect flow that runs a pipeline on Prefect and on Render, and fails if the results differ."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

from prefect import flow, runtime, tags, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from pydantic import Field

from flows.on_prefect.infrastructure import check_store, is_deployed
from flows.on_prefect.runners import task_runner
from flows.on_prefect.tasks import run_flow
from flows.on_prefect.ui.orchestration import Side, section
from flows.prefect_flow import MaxRejects  # noqa: TC001 — Prefect reads the annotations
from shared.drawing.quoting import code, plain
from shared.run.difference import Difference, differing_shards, first_differences
from shared.run.errors import TerminalError, found_outside
from shared.run.new_job import make_job
from shared.run.run import Run
from shared.run.settings import MAX_SHARDS
from shared.run.step_names import shard_step

if TYPE_CHECKING:
    from flows.engine.engine import Engine
    from shared.run.job import Job

JsonObject = dict[str, Any]

SHOWN = 5  # differences that are named
VERDICT, SHARDS = "parity-verdict", "parity-shards"  # fixed keys, because the UI keeps one history per key


class DifferError(TerminalError):
    """The same input gave different output on the two engines."""


@flow(result_serializer="json")
def parity_check(  # noqa: PLR0913 — flat parameters make a form in the UI
    *,
    pipeline: str | None = None,
    data_url: str | None = None,
    store_url: str | None = None,
    num_shards: Annotated[int | None, Field(ge=1, le=MAX_SHARDS)] = None,
    max_rejects: MaxRejects | None = None,
    parameters: JsonObject | None = None,
    render_data_url: str | None = None,
) -> JsonObject:
    """Run a pipeline on both engines, each into its own empty store, and compare the output.

    The Render side uses the local server or the cloud of the environment, else a temporary local server.

    Args:
        pipeline: The pipeline, such as my_team.clicks:pipeline; SHARDWISE_PIPELINES must list it. Default: the customer
            merge.
        data_url: The data folder, a path or URL; default: SHARDWISE_DATA_URL.
        store_url: The store of both runs, a path or URL that both sides reach; default: SHARDWISE_STORE_URL.
        num_shards: The number of shards, 1 to 10,000; default: SHARDWISE_NUM_SHARDS, else 10.
        max_rejects: Rows that the customer merge may reject, '10' or '0.5%'; default: SHARDWISE_MAX_REJECTS, else none.
        parameters: The pipeline's parameters by name.
        render_data_url: Other data for the Render side; default: the same data.

    Returns:
        ``equal`` (true), and the two results, ``prefect`` and ``render``.

    Raises:
        DifferError: The results differ; the message names the first records and fields.
        TerminalError: The pipeline's ``verify`` finds problems outside the store.
    """
    own = dict(parameters or {}) | ({} if max_rejects is None else {"max_rejects": str(max_rejects)})
    given = make_job(
        pipeline=pipeline,
        data_url=data_url,
        store_url=store_url,
        num_shards=num_shards,
        parameters=own,
        sample=not is_deployed(),
    )
    check_store(given)
    place = f"{given.store_url}/parity/{runtime.flow_run.id}"
    here = replace(given, run_id="prefect", store_url=f"{place}/prefect")
    there = replace(given, run_id="render", store_url=f"{place}/render", data_url=render_data_url or given.data_url)
    results = {"prefect": run_here(here), "render": run_on_render(there)}
    judge(Run.of(here), Run.of(there), results)
    return {"equal": True, **results}


def run_here(job: Job) -> JsonObject:
    """Run a job as a subflow of the check, with the check's tags, so that its death is noticed.

    Its artifacts are not in the history of the pipeline's own artifacts.
    """
    with tags(*runtime.flow_run.tags):
        return run_flow(job, task_runner(), prefix="parity-")


@task(task_run_name="run-on-render", retries=0, cache_policy=NO_CACHE)
def run_on_render(job: Job) -> JsonObject:
    """Trigger a job on Render, and wait for its result."""
    return _render().trigger(job)


def _render() -> Engine:
    from flows.registry import ENGINES  # imported here; only this module of the package uses another engine

    return ENGINES["render"]


def judge(here: Run, there: Run, results: JsonObject) -> None:
    """Compare and verify two finished runs; raises as the flow."""
    sides = {"prefect": here, "render": there}
    problems = {engine: run.problems(results[engine]) for engine, run in sides.items()}
    if differences := compare(here, there, results, problems):
        redact = bool(here.job.parameters.get("redact"))
        raise DifferError("the engines differ:\n" + "\n".join(_sentence(found, redact) for found in differences))
    for engine, found in problems.items():
        if found:
            raise TerminalError(f"{engine}: {found_outside(sides[engine].pipeline.name, found)}")


def compare(here: Run, there: Run, results: JsonObject, problems: dict[str, list[str]]) -> list[Difference]:
    """Publish the comparison of two finished runs with the problems of ``verify``; return their first differences."""
    unequal = differing_shards(here, there)
    differences = first_differences(here, there, SHOWN)
    rows = [_row(here, there, shard, equal=shard not in unequal) for shard in range(here.job.num_shards)]
    create_table_artifact(rows, key=SHARDS, description=f"{plain(runtime.flow_run.name)}: shards of both engines")
    verdict = _verdict(results, unequal, differences, redact=bool(here.job.parameters.get("redact")))
    outside = [f"* {engine}: {plain(problem)}" for engine, found in problems.items() for problem in found[:SHOWN]]
    told = "\n".join(["## What `verify` finds", "", *outside]) if outside else ""
    did = section([Side.of("Prefect", here), Side.of(f"Render{_render().stand_in()}", there)])
    shown, name = "\n\n".join(filter(None, [verdict, told, did])), plain(runtime.flow_run.name)
    create_markdown_artifact(shown, key=VERDICT, description=f"{name}: whether the engines agree")
    return differences


def _row(here: Run, there: Run, shard: int, *, equal: bool) -> JsonObject:
    left, right = here.manifest(shard), there.manifest(shard)
    both: JsonObject = {"shard": shard_step(shard), "equal": "yes" if equal else "NO"}
    for field in ("attempt", "elapsed_ms", "digest"):
        both |= {f"prefect {field}": getattr(left, field, None), f"render {field}": getattr(right, field, None)}
    return both


def _verdict(results: JsonObject, unequal: list[int], differences: list[Difference], *, redact: bool) -> str:
    """Return the verdict as Markdown: headline, digests and outputs as a list, counts as a table, differences."""
    parts = [f"# Different in {len(unequal)} shards" if unequal else "# Equal"]
    sides = {"Prefect": results["prefect"], "Render": results["render"]}
    parts.append(
        "\n".join(f"* {name}: {code(side['digest'])} in {code(side['output'])}" for name, side in sides.items())
    )
    counts = [name for name, value in results["prefect"].items() if isinstance(value, int | float)]
    rows = "\n".join(
        f"| {plain(name)} | {results['prefect'][name]} | {results['render'].get(name)} |" for name in counts
    )
    parts.append(f"| | Prefect | Render |\n|---|---|---|\n{rows}")
    if differences:
        found = "\n".join(f"* {plain(_sentence(difference, redact))}" for difference in differences)
        parts.append(f"## The first differences\n\n{found}")
    return "\n\n".join(parts)


def _sentence(difference: Difference, redact: bool) -> str:  # noqa: FBT001 — handed on from a job
    values = "" if redact else f": {difference.left!r} on Prefect, {difference.right!r} on Render"
    return f"{difference.key}, {difference.field}{values}"
