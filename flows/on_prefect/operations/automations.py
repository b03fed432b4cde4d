"""The automations that keep deployed runs going: a run without heartbeats has crashed, a crashed run starts again.

``python -m flows.on_prefect.operations.automations`` sets them up on the server that Prefect's settings name; again,
they are updated where they differ.
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

# Runs of deployments with this tag, and no others: Prefect's default is a heartbeat every three minutes, so that a run
# of somebody else's deployment would count as dead.
TAG = "shardwise"
HEARTBEAT = timedelta(seconds=30)  # Prefect's shortest; deployments/prefect.yaml asks for it
SILENCE = 3 * HEARTBEAT  # a busy machine delays one, and a lost connection loses one
# A worker reports a death twice, 20 s apart where it is busy: the second report ends what was started before it.
PAUSE = timedelta(seconds=30)
MAX_RESTARTS = 3  # a run that kills its own process at each start must come to an end
REMEMBERED = timedelta(days=7)  # how long the crashes of a run are counted
CRASHED = "Crashed"
# The names that Prefect gives to states of a flow run in which no process sends heartbeats. A run that is cancelled
# still beats until it has ended, so Cancelling is none of them.
SILENT = (
    *("Completed", "Failed", "TimedOut", "Cancelled", "Paused", "Suspended"),
    *("Scheduled", "Late", "AwaitingRetry", "AwaitingConcurrencySlot", "Resuming"),
    *("Pending", "Submitting", "InfrastructurePending"),
)
BUSY = ("Running", "Retrying", "Cancelling")


def automations(silence: timedelta = SILENCE) -> list[AutomationCore]:
    """What the server is asked to do with runs of ours.

    Args:
        silence: From the last heartbeat until a run counts as dead; longer than ``HEARTBEAT``.
    """
    return [_crashed(silence), _cancelled(silence), _started_again(), _given_up()]


def _crashed(silence: timedelta) -> AutomationCore:
    trigger = _missing({HEARTBEAT_EVENT}, {HEARTBEAT_EVENT, *_events(CRASHED, *SILENT)}, silence)
    message = f"no heartbeat for {silence.total_seconds():g} s: its process is gone"
    return _automation("runs without a heartbeat have crashed", trigger, StateType.CRASHED, message)


def _cancelled(silence: timedelta) -> AutomationCore:
    """The worker cancels. Where it is gone, nobody does, and the server accepts no other end of such a run."""
    trigger = _missing(_events("Cancelling"), _events(CRASHED, *SILENT), silence)
    message = f"no worker has ended it within {silence.total_seconds():g} s"
    return _automation("runs that nobody cancels are cancelled", trigger, StateType.CANCELLED, message)


def _started_again() -> AutomationCore:
    counts = [str(count) for count in range(MAX_RESTARTS + 1)]
    trigger = _missing(_events(CRASHED), _events(*BUSY, *SILENT), PAUSE, counts)
    message = "it crashed: it starts again, and resumes"
    return _automation("crashed runs start again", trigger, StateType.SCHEDULED, message, "AwaitingRetry")


def _given_up() -> AutomationCore:
    """A start that crashes before it runs is not in the count; of others a worker may report the crash twice."""
    more = [f"[{MAX_RESTARTS + 1}-9]", "??*"]  # patterns
    often = _trigger(Posture.Reactive, 1, timedelta(), more, expect=_events(CRASHED))
    early = _trigger(Posture.Reactive, 2 * (MAX_RESTARTS + 1), REMEMBERED, expect=_events(CRASHED))
    message = (
        f"it crashed again after {MAX_RESTARTS} restarts and does not start by itself any more; a retry resumes it"
    )
    trigger = CompoundTrigger(type="compound", require="any", within=None, triggers=[often, early])
    return _automation("runs that crash again and again have failed", trigger, StateType.FAILED, message)


def _missing(after: set[str], expect: set[str], within: timedelta, counts: Sequence[str] = ()) -> EventTrigger:
    """Fires when a run has none of the expected events within a time after another, such as a state or a heartbeat."""
    return _trigger(Posture.Proactive, 1, within, counts, after=after, expect=expect)


def _trigger(
    posture: Posture, threshold: int, within: timedelta, counts: Sequence[str] = (), **events: set[str]
) -> EventTrigger:
    """One for each run of ours; where counts are given, only while it has run so often."""
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
    """Create them, or update earlier ones, which stay paused if they were.

    Those that are as wanted are left alone: with an update the server forgets which runs it waits for.

    Args:
        silence: The same.

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
    """Set them up and say so."""
    for name, done in set_up().items():
        typer.echo(f"{done} the automation {name!r}")


if __name__ == "__main__":
    try:
        main()
    except (httpx.HTTPError, PrefectException):
        sys.exit(f"shardwise: {unreachable()}")
