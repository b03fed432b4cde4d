"""The automation that marks a run as Crashed when its heartbeats stop: its process is gone, and its slot is free again.

``python -m flows.on_prefect.operations.heartbeats`` sets it up on the server that Prefect's settings name;
again, it is updated.
"""

from __future__ import annotations

import sys
from datetime import timedelta

import httpx
import typer
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from prefect.exceptions import PrefectException

from flows.on_prefect.operations.crash import HEARTBEAT as HEARTBEAT_EVENT
from flows.on_prefect.server import unreachable

NAME = "shardwise: runs without a heartbeat have crashed"
# Runs of deployments with this tag, and no others: Prefect's default is a heartbeat every three minutes, so that a run
# of somebody else's deployment would count as dead.
TAG = "shardwise"
HEARTBEAT = timedelta(seconds=30)  # Prefect's shortest; deployments/prefect.yaml asks for it
SILENCE = 3 * HEARTBEAT  # a busy machine delays one, and a lost connection loses one
# A run that is cancelled still beats until it has ended, so the state Cancelling is none of these.
ENDS = {f"prefect.flow-run.{state}" for state in ("Completed", "Failed", "Crashed", "Cancelled", "AwaitingRetry")}


def automation(silence: timedelta = SILENCE) -> AutomationCore:
    """What the server is asked to do.

    Args:
        silence: From the last heartbeat until the run counts as dead; longer than ``HEARTBEAT``.
    """
    message = f"no heartbeat for {silence.total_seconds():g} s: its process is gone; retry it, and it resumes"
    return AutomationCore(
        name=NAME,
        description="Set up by `python -m flows.on_prefect.operations.heartbeats`.",
        trigger=EventTrigger(
            match=ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"}),
            match_related=ResourceSpecification(
                {"prefect.resource.id": f"prefect.tag.{TAG}", "prefect.resource.role": "tag"}
            ),
            for_each={"prefect.resource.id"},
            after={HEARTBEAT_EVENT},
            expect={HEARTBEAT_EVENT, *ENDS},
            posture=Posture.Proactive,
            threshold=1,
            within=silence,
        ),
        actions=[ChangeFlowRunState(state=StateType.CRASHED, message=message)],
    )


def set_up(silence: timedelta = SILENCE) -> str:
    """Create the automation, or update an earlier one, which stays paused if it was; return which of the two it was."""
    wanted = automation(silence)
    with get_client(sync_client=True) as client:
        if existing := client.read_automations_by_name(NAME):
            client.update_automation(existing[0].id, wanted.model_copy(update={"enabled": existing[0].enabled}))
            return "updated"
        client.create_automation(wanted)
        return "created"


def main() -> None:
    """Set it up and say so."""
    typer.echo(f"{set_up()} the automation {NAME!r}: after {SILENCE.total_seconds():g} s of silence")


if __name__ == "__main__":
    try:
        main()
    except (httpx.HTTPError, PrefectException):
        sys.exit(f"shardwise: {unreachable()}")
