"""The flows that deployments name; their parameters are flat, so the UI has a form for them."""

from __future__ import annotations

from typing import Annotated, Any

from prefect import flow, runtime
from pydantic import Field, StrictInt
from pydantic.json_schema import SkipJsonSchema

from flows.on_prefect.infrastructure import is_deployed
from flows.on_prefect.runners import task_runner
from flows.on_prefect.tasks import take_steps
from shared.customers.pipeline import MAX_REJECTS
from shared.faults.plan import Fault
from shared.run.job import RUN_ID
from shared.run.new_job import make_job
from shared.run.policy import run_policy, shard_policy
from shared.run.settings import MAX_SHARDS

JsonObject = dict[str, Any]

# Prefect's command reads the text of a parameter as JSON: 20261123 and 10 arrive as numbers.
RunId = Annotated[str, Field(pattern=f"^{RUN_ID.pattern}$")] | StrictInt
MaxRejects = Annotated[str, Field(pattern=f"^({MAX_REJECTS.pattern})$")] | StrictInt
HiddenFaults = SkipJsonSchema[list[JsonObject] | None]  # for comparisons: the form in the UI does not show it


def run_name() -> str:
    """A flow run's name: the run_id that a person gave, else the one that it has."""
    run_id: RunId | None = runtime.flow_run.parameters.get("run_id")
    return str(runtime.flow_run.name if run_id is None else run_id)


@flow(
    flow_run_name=run_name,
    retries=run_policy().max_retries,
    task_runner=task_runner(),
    result_serializer="json",  # not pickle: reading a result must not be able to run code
)
def merge_customer_data(  # noqa: PLR0913 — flat parameters make a form in the UI
    *,
    data_url: str | None = None,
    store_url: str | None = None,
    num_shards: Annotated[int | None, Field(ge=1, le=MAX_SHARDS)] = None,
    run_id: RunId | None = None,
    max_rejects: MaxRejects | None = None,
    faults: HiddenFaults = None,
) -> JsonObject:
    """Merge four customer sources into one enriched profile per customer, in shards.

    Args:
        data_url: Folder of the four CSVs, a path or URL; default: SHARDWISE_DATA_URL.
        store_url: Where stagings and runs live, a path or URL all workers reach; default: SHARDWISE_STORE_URL.
        num_shards: From 1 to 10,000; default: SHARDWISE_NUM_SHARDS, else 10.
        run_id: Names the run; an earlier one's resumes it. Default: prefect- and the flow run's id.
        max_rejects: Rows that may be rejected, '10' or '0.5%'; default: SHARDWISE_MAX_REJECTS, else none.
        faults: What to break on purpose, such as {"kind": "kill", "step": "shard-003", "attempts": [1]}; only where
            SHARDWISE_ALLOW_FAULTS is true.

    Returns:
        The run's result: counts, statistics, digest, where the profiles are.

    Raises:
        TerminalError: Bad input; nothing was published.
        ShardsFailedError: Shards failed after all retries; the others are committed, and running the same run_id
            resumes.
    """
    return take_steps(
        make_job(
            data_url=data_url,
            store_url=store_url,
            num_shards=num_shards,
            run_id=_run_id(run_id),
            parameters={"max_rejects": None if max_rejects is None else str(max_rejects)},
            engine="prefect",
            faults=tuple(Fault.from_json(fault) for fault in faults or ()),
            sample=not is_deployed(),
        ),
        shard_policy(),
    )


@flow(
    flow_run_name=run_name,
    retries=run_policy().max_retries,
    task_runner=task_runner(),
    result_serializer="json",  # the same
)
def run_pipeline(  # noqa: PLR0913 — the same
    *,
    pipeline: str,
    data_url: str | None = None,
    store_url: str | None = None,
    num_shards: Annotated[int | None, Field(ge=1, le=MAX_SHARDS)] = None,
    run_id: RunId | None = None,
    parameters: JsonObject | None = None,
    faults: HiddenFaults = None,
) -> JsonObject:
    """Run any pipeline, in shards.

    Args:
        pipeline: What runs, such as my_team.clicks:pipeline; the worker's SHARDWISE_PIPELINES must list it.
        data_url: Folder of the data, a path or URL; default: SHARDWISE_DATA_URL, else what the pipeline makes itself.
        store_url: Where stagings and runs live, a path or URL all workers reach; default: SHARDWISE_STORE_URL.
        num_shards: From 1 to 10,000; default: SHARDWISE_NUM_SHARDS, else 10.
        run_id: Names the run; an earlier one's resumes it. Default: prefect- and the flow run's id.
        parameters: The pipeline's own, by name.
        faults: What to break on purpose, such as {"kind": "kill", "step": "shard-003", "attempts": [1]}; only where
            SHARDWISE_ALLOW_FAULTS is true.

    Returns:
        The run's result: digest, where the output is, and what the pipeline tells.

    Raises:
        TerminalError: Bad input or an unknown pipeline; nothing was published.
        ShardsFailedError: Shards failed after all retries; the others are committed, and running the same run_id
            resumes.
    """
    return take_steps(
        make_job(
            pipeline=pipeline,
            data_url=data_url,
            store_url=store_url,
            num_shards=num_shards,
            run_id=_run_id(run_id),
            parameters=parameters,
            engine="prefect",
            faults=tuple(Fault.from_json(fault) for fault in faults or ()),
            sample=not is_deployed(),
        ),
        shard_policy(),
    )


def _run_id(given: RunId | None) -> str:
    return f"prefect-{runtime.flow_run.id}" if given is None else str(given)
