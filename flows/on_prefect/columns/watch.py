"""Watches how soon a Prefect server notices the end of a run, and when its deployment's slot is free again."""

from __future__ import annotations

import time
from contextlib import suppress

import httpx

from flows.engine.service import Watch
from flows.on_prefect.columns.api import TERMINAL, PrefectApi

WATCH_INTERVAL = 0.1  # seconds between two polls of the server


class DeployedWatch(Watch):
    """Watches a flow run and its deployment's slots."""

    def __init__(self, url: str, deployment: str, run_id: str) -> None:
        super().__init__()
        self._url, self._deployment, self._run_id = url, deployment, run_id
        self._next = 0.0

    @property
    def over(self) -> bool:
        return self.known_seconds is not None and self.slot_seconds is not None

    def look(self) -> None:
        """Ask the server once; an unavailable server does not answer."""
        if self.over or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + WATCH_INTERVAL
        with suppress(httpx.HTTPError), PrefectApi(self._url) as api:
            states = {run["state_type"] for run in api.flow_runs(self._run_id)}
            if self.known_seconds is None and states <= TERMINAL:
                self.known_seconds = self.elapsed
            limit = api.get(f"/deployments/{self._deployment}")["global_concurrency_limit"]
            if self.slot_seconds is None and limit["active_slots"] == 0:
                self.slot_seconds = self.elapsed
