"""Starts a run of a deployment through Prefect's API, and polls until it ends."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import httpx

from flows.on_prefect.columns.api import TERMINAL, PrefectApi
from flows.on_prefect.columns.deployed import DEPLOYMENT
from shared.run.errors import TransientError
from shared.run.run import Run
from shared.run.store import open_store

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from shared.run.job import Job

PASSED_ON = ("SHARDWISE_", "PREFECT_FLOWS_HEARTBEAT")  # prefixes of settings that are passed on to a flow run
POLL_INTERVAL, MAX_SILENCE = 0.1, 60.0  # seconds: between two polls; without an answer of the server


def run_on_deployment(job: Job, _workers: int, ends: AbstractSet[str] = TERMINAL) -> dict[str, Any]:
    """Run a job with the deployment that the environment names; its settings are passed on to the flow run.

    Args:
        job: The job.
        ends: Types of states after which no other state follows.

    Raises:
        TransientError: The flow run did not complete, or the server does not answer.
    """
    given = {
        "name": job.run_id,
        "parameters": _parameters(job),
        "job_variables": {"env": settings_passed_on()},
    }
    with PrefectApi(os.environ["PREFECT_API_URL"]) as api:
        flow_run = api.post(f"/deployments/{os.environ[DEPLOYMENT]}/create_flow_run", given)
        try:
            state = _end(api, flow_run["id"], ends)
        except KeyboardInterrupt:  # as a person does who wants to stop the run, not only its caller
            api.set_state(flow_run["id"], "CANCELLING")
            _end(api, flow_run["id"], ends)
            raise
    if state["type"] != "COMPLETED":
        raise TransientError(f"the flow run is {state['name']}: {state['message']}")
    if (result := Run(job, open_store(job.store_url)).result()) is None:
        raise TransientError("the flow run is Completed, and the store has no result")
    return result


def run_on_shipped(job: Job, workers: int) -> dict[str, Any]:
    """Run a job in the same way if crashed flow runs restart automatically; a run that crashed too often is Failed."""
    return run_on_deployment(job, workers, TERMINAL - {"CRASHED"})


def settings_passed_on() -> dict[str, str]:
    """Return the settings to pass on, and the mark by which its processes are found at the end."""
    return {name: value for name, value in os.environ.items() if name.startswith((*PASSED_ON, DEPLOYMENT))}


def _parameters(job: Job) -> dict[str, Any]:
    """Return the parameters of the flow that runs any pipeline."""
    common = {name: getattr(job, name) for name in ("pipeline", "data_url", "store_url", "num_shards", "run_id")}
    return common | {"parameters": dict(job.parameters), "faults": [fault.to_json() for fault in job.faults] or None}


def _end(api: PrefectApi, flow_run_id: str, ends: AbstractSet[str]) -> dict[str, Any]:
    """Return the final state of a flow run; a server that does not answer is asked again."""
    answered = time.monotonic()
    while True:
        with suppress(httpx.HTTPError):
            state: dict[str, Any] = api.get(f"/flow_runs/{flow_run_id}")["state"]
            if state["type"] in ends:
                return state
            answered = time.monotonic()
        if time.monotonic() - answered > MAX_SILENCE:
            raise TransientError(f"the Prefect server has not answered for {MAX_SILENCE:g} s")
        threading.Event().wait(POLL_INTERVAL)
