"""Makes a job from given values, the environment and the defaults."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from shared.run.errors import TerminalError
from shared.run.job import CUSTOMERS, Job
from shared.run.loading import load_pipeline
from shared.run.parameters import complete
from shared.run.settings import SAMPLE_DATA, Settings, variable_of
from shared.run.urls import absolute

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.faults.plan import Fault


def make_job(  # noqa: PLR0913 — one parameter per setting
    *,
    run_id: str | None = None,
    pipeline: str | None = None,
    data_url: str | None = None,
    store_url: str | None = None,
    num_shards: int | None = None,
    parameters: Mapping[str, Any] | None = None,
    engine: str = "local",
    faults: tuple[Fault, ...] = (),
    sample: bool = True,
) -> Job:
    """Make a job from what is given; the rest comes from ``SHARDWISE_*`` variables, then from the defaults.

    Args:
        run_id: The run's id. Default: a new one.
        pipeline: The pipeline, which must be allowed here. Default: the customer merge.
        data_url: The data folder. Default: the setting; without it the sample for the customer merge, none for other
            pipelines.
        store_url: The store. Default: the setting.
        num_shards: The number of shards. Default: the setting.
        parameters: The pipeline's parameters by name; None counts as not given.
        engine: The engine's name, for the result.
        faults: Planned faults.
        sample: Whether the customer merge uses the sample if no data is given. A deployed or scheduled run does not.

    Raises:
        TerminalError: A value or a setting is invalid, or no data is given and ``sample`` is false.
    """
    settings = Settings.read()
    reference = pipeline or CUSTOMERS
    own = _sample(allowed=sample) if reference == CUSTOMERS and not (data_url or settings.data_url) else ""
    given = {name: value for name, value in (parameters or {}).items() if value is not None}
    return Job(
        run_id=run_id or new_run_id(),
        data_url=absolute(data_url or settings.data_url or own),
        store_url=absolute(store_url or settings.store_url),
        num_shards=settings.num_shards if num_shards is None else num_shards,
        pipeline=reference,
        parameters=complete(load_pipeline(reference), given),
        engine=engine,
        faults=faults,
    )


def new_run_id() -> str:
    """Return a new id that sorts by time: ``<UTC stamp>-<8 hex digits>``."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"


def _sample(*, allowed: bool) -> str:
    if not allowed:
        name = variable_of("data_url")
        raise TerminalError(
            f"no data is set, and a deployed run does not use the sample by default: set {name} where this worker "
            f"runs or in the deployment's job_variables, or set data_url; {name}=sample_data uses the sample"
        )
    return str(SAMPLE_DATA)
