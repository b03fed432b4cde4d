"""The flows of the deployments. Their parameters are flat, so that the UI shows a form."""

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

# Prefect's command reads parameters as JSON: 20261123 and 10 arrive as numbers.
RunId = Annotated[str, Field(pattern=f"^{RUN_ID.pattern}$")] | StrictInt
MaxRejects = Annotated[str, Field(pattern=f"^({MAX_REJECTS.pattern})$")] | StrictInt
HiddenFaults = SkipJsonSchema[list[JsonObject] | None]  # for comparisons; the UI's form does not show it


def run_name() -> str:
    """Return the name of a flow run: the given run_id, else its current name."""
    run_id: RunId | None = runtime.flow_run.parameters.get("run_id")
    return str(runtime.flow_run.name if run_id is None else run_id)


@flow(
    flow_run_name=run_name,
    retries=run_policy().max_retries,
    task_runner=task_runner(),
    result_serializer="json",  # JSON instead of pickle, because reading a result must not run code
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
        store_url: The store, a path or URL that all workers reach; default: SHARDWISE_STORE_URL.
        num_shards: From 1 to 10,000; default: SHARDWISE_NUM_SHARDS, else 10.
        run_id: The run's id; an existing id resumes that run. Default: prefect- and the flow run's id.
        max_rejects: Rows that may be rejected, '10' or '0.5%'; default: SHARDWISE_MAX_REJECTS, else none.
        faults: Faults to inject, such as {"kind": "kill", "step": "shard-003", "attempts": [1]}; only if
            SHARDWISE_ALLOW_FAULTS is true.

    Returns:
        The run's result: counts, statistics, digest, and the address of the profiles.

    Raises:
        TerminalError: Bad input; nothing was published.
        ShardsFailedError: Shards failed after all retries. The others are committed, and the same run_id resumes the
            run.
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
    result_serializer="json",  # JSON instead of pickle, because reading a result must not run code
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
        pipeline: The pipeline, such as my_team.clicks:pipeline; the worker's SHARDWISE_PIPELINES must list it.
        data_url: The data folder, a path or URL; default: SHARDWISE_DATA_URL, else data that the pipeline generates.
        store_url: The store, a path or URL that all workers reach; default: SHARDWISE_STORE_URL.
        num_shards: From 1 to 10,000; default: SHARDWISE_NUM_SHARDS, else 10.
        run_id: The run's id; an existing id resumes that run. Default: prefect- and the flow run's id.
        parameters: The pipeline's parameters by name.
        faults: Faults to inject, such as {"kind": "kill", "step": "shard-003", "attempts": [1]}; only if
            SHARDWISE_ALLOW_FAULTS is true.

    Returns:
        The run's result: digest, the address of the output, and the pipeline's own values.

    Raises:
        TerminalError: Bad input or an unknown pipeline; nothing was published.
        ShardsFailedError: Shards failed after all retries. The others are committed, and the same run_id resumes the
            run.
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
