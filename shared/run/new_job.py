"""A job from what a person, a deployment or a comparison gives, completed by the environment and the defaults."""

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
    """A job from what is given; the rest comes from the environment (``SHARDWISE_*``), then from the defaults.

    Args:
        run_id: Default: a new one.
        pipeline: Default: the customer merge. It must be allowed here.
        data_url: Default: the settings'; without any, the sample for the customer merge, and none for others.
        store_url: Default: the settings'.
        num_shards: Default: the settings'.
        parameters: By name; a parameter that is None counts as not given.
        engine: For the result.
        faults: What to break on purpose.
        sample: Whether the customer merge takes the sample where no data is named: not in a run that a deployment or a
            schedule starts.

    Raises:
        TerminalError: Something given, or a setting, cannot be used; or no data is named and ``sample`` is false.
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
    """A fresh id that sorts by time: ``<UTC stamp>-<8 hex digits>``."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"


def _sample(*, allowed: bool) -> str:
    if not allowed:
        name = variable_of("data_url")
        raise TerminalError(
            f"no data is named, and a deployed run does not take the sample by itself: set {name} where this worker "
            f"runs or in the deployment's job_variables, or give data_url; {name}=sample_data asks for the sample"
        )
    return str(SAMPLE_DATA)
