"""The deployments of this project on a server, with the automations that keep their runs going."""

from __future__ import annotations

import sys
from subprocess import run
from typing import TYPE_CHECKING

from tests.deployments.readme import prefect_arguments
from tests.prefect_server import ROOT

if TYPE_CHECKING:
    from tests.prefect_server import PrefectServer

POOL = "shardwise"
# One run at a time each.
SAMPLE, SCHEDULED = "merge-customer-data/customers-sample", "merge-customer-data/customers-scheduled"
ANY = "run-pipeline/pipeline-any"
SILENCE = 35  # seconds: longer than a heartbeat, shorter than in production
SET_UP = (
    "from datetime import timedelta; from flows.on_prefect.operations import automations; "
    "print(*sorted(set(automations.set_up(timedelta(seconds={silence})).values())))"
)


def deploy(server: PrefectServer) -> None:
    """Make the work pool and the deployments, as the README does."""
    server.post("work_pools/", {"name": POOL, "type": "process"})
    server.succeed(*prefect_arguments("--no-prompt deploy"))


def set_up_automations(server: PrefectServer, silence: int = SILENCE) -> str:
    """Set them up, with a silence of so many seconds; whether they were created, updated or kept."""
    code = SET_UP.format(silence=silence)
    done = run([sys.executable, "-c", code], cwd=ROOT, env=server.environment(), capture_output=True, check=True)
    return done.stdout.decode().strip()
