"""Finds flow runs whose process has died on Prefect's server, and marks them as Crashed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterName,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import StateType
from prefect.events.filters import EventFilter, EventNameFilter, EventOccurredFilter, EventResourceFilter
from prefect.states import AwaitingRetry, Cancelled, Crashed

from shared.run.errors import TerminalError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

HEARTBEAT = "prefect.flow-run.heartbeat"
FLOWS = ["merge-customer-data", "run-pipeline", "parity-check"]
SILENCE = timedelta(minutes=10)  # more than three of Prefect's default heartbeats, which are three minutes apart
LIVE = [StateType.RUNNING, StateType.CANCELLING]
HOLDING = [*LIVE, StateType.PENDING]  # states that hold a slot


def mark(run: FlowRun, why: str) -> str:
    """Mark a run as Crashed, or as Cancelled if it is Cancelling; Prefect accepts nothing else. This frees its slot.

    A run that has ended meanwhile is not changed.

    Returns:
        The new state.
    """
    make = Cancelled if run.state_type is StateType.CANCELLING else Crashed
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run.id, make(message=why))
    return make.__name__


def start_again(run: FlowRun, why: str) -> None:
    """Schedule a crashed run again; it resumes."""
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run.id, AwaitingRetry(message=why))


def named(names: list[str]) -> list[FlowRun]:
    """Return the runs with these names or ids that hold a slot.

    Raises:
        TerminalError: There is no such run, or it has ended.
    """
    with get_client(sync_client=True) as client:
        return [_named(client, name) for name in names]


def silent() -> list[FlowRun]:
    """Return the runs of this project that are reported as running and sent no heartbeat for ``SILENCE``."""
    since = datetime.now(UTC) - SILENCE
    of_ours = FlowFilter(name=FlowFilterName(any_=FLOWS))
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(flow_filter=of_ours, flow_run_filter=_in_state(LIVE))
        old = [run for run in runs if run.start_time is None or run.start_time < since]
        return [run for run in old if not _beats(client, run, since)]


def of_pool(pool: str) -> list[FlowRun]:
    """Return the runs of a work pool that hold a slot."""
    in_pool = WorkPoolFilter(name=WorkPoolFilterName(any_=[pool]))
    with get_client(sync_client=True) as client:
        return client.read_flow_runs(work_pool_filter=in_pool, flow_run_filter=_in_state(HOLDING))


def resume_hint(run: FlowRun) -> str:
    """Say how to resume a marked run."""
    if run.deployment_id:
        return f"`prefect flow-run retry {run.id}` resumes it"
    return "run it again with the same run_id to resume it"


def _named(client: SyncPrefectClient, name: str) -> FlowRun:
    found = client.read_flow_runs(flow_run_filter=_called(name))
    if holding := [run for run in found if run.state_type in HOLDING]:
        return holding[0]
    if not found:
        raise TerminalError(f"{client.api_url} has no flow run {name}; is PREFECT_API_URL the right one?")
    raise TerminalError(f"the flow run {name} is {found[0].state_name}: there is nothing to recover")


def _called(name: str) -> FlowRunFilter:
    try:
        return FlowRunFilter(id=FlowRunFilterId(any_=[UUID(name)]))
    except ValueError:
        return FlowRunFilter(name=FlowRunFilterName(any_=[name]))


def _in_state(types: list[StateType]) -> FlowRunFilter:
    return FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=types)))


def _beats(client: SyncPrefectClient, run: FlowRun, since: datetime) -> bool:
    heartbeats = EventFilter(
        event=EventNameFilter(name=[HEARTBEAT]),
        resource=EventResourceFilter(id=[f"prefect.flow-run.{run.id}"]),
        occurred=EventOccurredFilter(since=since),
    )
    return bool(client.read_events(heartbeats, limit=1).events)
