"""Prefect as this project deploys it: isolated steps, heartbeats, and automations that restart crashed runs."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from flows.engine.service import Settings, without_ours
from flows.on_prefect.columns.deployed import DeployedService
from flows.on_prefect.operations.automations import HEARTBEAT, PAUSE, SILENCE, TAG
from flows.on_prefect.operations.services import ROOT
from shared.run.errors import TerminalError

if TYPE_CHECKING:
    from shared.run.run import Run

BEATS = {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": f"{HEARTBEAT.total_seconds():g}"}


class ShippedService(DeployedService):
    """Runs flows of a deployment with the tag and the heartbeats of deployments/prefect.yaml."""

    # A lost run is noticed, waits and restarts; the server checks every few seconds, and may be busy.
    startup = DeployedService.startup + (SILENCE + PAUSE).total_seconds() + 60.0
    tags = (TAG,)

    def not_observable(self) -> str:
        """Return why it cannot be observed: it does not set up automations on a user's server."""
        if not self.prefect.ours:
            return "it sets up automations, but not on your server; unset PREFECT_API_URL"
        return super().not_observable()

    def environment(self, settings: Settings, workers: int) -> Settings:
        """Return the environment of runs that send heartbeats."""
        return super().environment(settings, workers) | BEATS

    def abandoned(self, run: Run) -> bool:
        """False: the automations handle dead runs."""
        del run
        return False

    def deploy(self) -> None:
        """Create the deployment and the automations, as a team does."""
        super().deploy()
        command = [sys.executable, "-m", "flows.on_prefect.operations.automations"]
        env = without_ours(os.environ) | self.prefect.client_environment()
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise TerminalError(f"the automations cannot be set up:\n{done.stdout}{done.stderr}")
