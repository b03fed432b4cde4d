"""Automations for deployed runs: a run without heartbeats is marked Crashed, and a crashed run restarts.

``python -m flows.on_prefect.operations.automations`` creates or updates them on the server of Prefect's settings.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx
import typer
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, CompoundTrigger, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from prefect.exceptions import PrefectException

from flows.on_prefect.operations.crash import HEARTBEAT as HEARTBEAT_EVENT
from flows.on_prefect.server import unreachable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefect.client.orchestration import SyncPrefectClient

# Only runs of deployments with this tag. With Prefect's default of a heartbeat every three minutes, healthy runs of
# other deployments would be marked Crashed.
TAG = "shardwise"
HEARTBEAT = timedelta(seconds=30)  # Prefect's shortest interval, which deployments/prefect.yaml sets
SILENCE = 3 * HEARTBEAT  # three, because a busy machine can delay one and a lost connection can lose one
# A busy worker may report a death twice, 20 s apart; the second report would end a new start.
PAUSE = timedelta(seconds=30)
MAX_RESTARTS = 3  # limits a run that kills its own process at each start
REMEMBERED = timedelta(days=7)  # the time span in which the crashes of a run are counted
CRASHED = "Crashed"
# States of a flow run, by Prefect's names, in which no process sends heartbeats. Cancelling is not among them, because
# a run sends heartbeats until it has ended.
SILENT = (
    *("Completed", "Failed", "TimedOut", "Cancelled", "Paused", "Suspended"),
    *("Scheduled", "Late", "AwaitingRetry", "AwaitingConcurrencySlot", "Resuming"),
    *("Pending", "Submitting", "InfrastructurePending"),
)
BUSY = ("Running", "Retrying", "Cancelling")


def automations(silence: timedelta = SILENCE) -> list[AutomationCore]:
    """Return the automations for runs of this project.

    Args:
        silence: The time from the last heartbeat until a run counts as dead; longer than ``HEARTBEAT``.
    """
    return [_crashed(silence), _cancelled(silence), _started_again(), _given_up()]


def _crashed(silence: timedelta) -> AutomationCore:
    trigger = _missing({HEARTBEAT_EVENT}, {HEARTBEAT_EVENT, *_events(CRASHED, *SILENT)}, silence)
    message = f"no heartbeat for {silence.total_seconds():g} s: its process is gone"
    return _automation("runs without a heartbeat have crashed", trigger, StateType.CRASHED, message)


def _cancelled(silence: timedelta) -> AutomationCore:
    """Cancel runs whose worker is gone. Otherwise they stay Cancelling, and the server accepts no other end."""
    trigger = _missing(_events("Cancelling"), _events(CRASHED, *SILENT), silence)
    message = f"no worker has ended it within {silence.total_seconds():g} s"
    return _automation("runs that no worker cancels are cancelled", trigger, StateType.CANCELLED, message)


def _started_again() -> AutomationCore:
    counts = [str(count) for count in range(MAX_RESTARTS + 1)]
    trigger = _missing(_events(CRASHED), _events(*BUSY, *SILENT), PAUSE, counts)
    message = "it crashed: it starts again, and resumes"
    return _automation("crashed runs start again", trigger, StateType.SCHEDULED, message, "AwaitingRetry")


def _given_up() -> AutomationCore:
    """Fail runs that crash too often. Starts that crash before they run are not counted; others may count twice."""
    more = [f"[{MAX_RESTARTS + 1}-9]", "??*"]  # patterns of event names
    often = _trigger(Posture.Reactive, 1, timedelta(), more, expect=_events(CRASHED))
    early = _trigger(Posture.Reactive, 2 * (MAX_RESTARTS + 1), REMEMBERED, expect=_events(CRASHED))
    message = (
        f"it crashed again after {MAX_RESTARTS} restarts and does not start by itself any more; a retry resumes it"
    )
    trigger = CompoundTrigger(type="compound", require="any", within=None, triggers=[often, early])
    return _automation("runs that crash again and again have failed", trigger, StateType.FAILED, message)


def _missing(after: set[str], expect: set[str], within: timedelta, counts: Sequence[str] = ()) -> EventTrigger:
    """Return a trigger for runs without an expected event, such as a heartbeat, within a time after another event."""
    return _trigger(Posture.Proactive, 1, within, counts, after=after, expect=expect)


def _trigger(
    posture: Posture, threshold: int, within: timedelta, counts: Sequence[str] = (), **events: set[str]
) -> EventTrigger:
    """Return a trigger for each run of this project; with counts, only while it has run that often."""
    counted = {"prefect.run-count": list(counts)} if counts else {}
    return EventTrigger(
        match=ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*", **counted}),
        match_related=ResourceSpecification(
            {"prefect.resource.id": f"prefect.tag.{TAG}", "prefect.resource.role": "tag"}
        ),
        for_each={"prefect.resource.id"},
        posture=posture,
        threshold=threshold,
        within=within,
        **events,
    )


def _automation(
    name: str, trigger: EventTrigger | CompoundTrigger, state: StateType, message: str, state_name: str | None = None
) -> AutomationCore:
    return AutomationCore(
        name=f"shardwise: {name}",
        description="Set up by `python -m flows.on_prefect.operations.automations`.",
        trigger=trigger,
        actions=[ChangeFlowRunState(state=state, name=state_name, message=message)],
    )


def _events(*states: str) -> set[str]:
    return {f"prefect.flow-run.{state}" for state in states}


def set_up(silence: timedelta = SILENCE) -> dict[str, str]:
    """Create the automations, or update earlier ones, which stay paused if they were.

    Unchanged automations are not updated, because an update makes the server forget the runs that it waits for.

    Args:
        silence: The time from the last heartbeat until a run counts as dead.

    Returns:
        By name: ``created``, ``updated`` or ``kept``.
    """
    with get_client(sync_client=True) as client:
        return {wanted.name: _ensure(client, wanted) for wanted in automations(silence)}


def _ensure(client: SyncPrefectClient, wanted: AutomationCore) -> str:
    found = client.read_automations_by_name(wanted.name)
    if not found:
        client.create_automation(wanted)
        return "created"
    if (found[0].trigger, found[0].actions) == (wanted.trigger, wanted.actions):
        return "kept"
    client.update_automation(found[0].id, wanted.model_copy(update={"enabled": found[0].enabled}))
    return "updated"


def main() -> None:
    """Create or update the automations and print the result."""
    for name, done in set_up().items():
        typer.echo(f"{done} the automation {name!r}")


if __name__ == "__main__":
    try:
        main()
    except (httpx.HTTPError, PrefectException):
        sys.exit(f"shardwise: {unreachable()}")
