"""Part "deployments": a deployed run of the sample, against a deployed flow of the same tasks that do nothing."""

from __future__ import annotations

import time
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tests.bench import commands
from tests.bench.measure import measure
from tests.bench.rows import Asked, Row, differences, in_turn, row
from tests.deployments.conftest import serving
from tests.prefect_server import PREFECT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.prefect_server import PrefectServer

SAMPLE, NOOP = "merge-customer-data/customers-sample", "noop/bench"
DEPLOY = ("--name", "bench", "--pool", "shardwise", "--concurrency-limit", "1", "--collision-strategy", "CANCEL_NEW")
LEAST = 3  # rounds: the worker asks for work once a second, so a single one says little
STATES = ("Scheduled", "Pending", "Running", "Completed")
Figures = dict[str, float]


def rows(asked: Asked) -> Iterator[Row]:
    """Both, as a person starts and watches them, after one of each that warms the worker."""
    with TemporaryDirectory() as home, serving(Path(home)) as (server, _):
        deployed = server.prefect(
            "--no-prompt", "deploy", "tests/bench/noop_prefect.py:noop", *DEPLOY, "--param", "num_shards=10"
        )
        if deployed.returncode:
            raise SystemExit(f"the no-op flow was not deployed:\n{deployed.stdout}{deployed.stderr}")
        every = {name: partial(_run, server, name) for name in (NOOP, SAMPLE)}
        in_turn(every, 1)
        taken = in_turn(every, max(asked.repeat, LEAST))
    yield row("deployments", "noop", **_rounds(taken[NOOP]))
    over = differences(*(map(_not_by_chance, taken[name]) for name in (SAMPLE, NOOP)))
    yield row("deployments", "sample", **_rounds(taken[SAMPLE]), over_noop_s=over)


def _rounds(many: list[Figures]) -> dict[str, list[float]]:
    return {name: [figures[name] for figures in many] for name in many[0]}


def _not_by_chance(figures: Figures) -> float:
    """Seconds until the run is done, without those that chance adds to both flows alike.

    The worker looks for work once a second. And once a run has ended, `--watch` waits 3 s for late logs, at times 13.
    """
    return figures["wall_s"] - figures["queue_s"] - figures["command_after_s"]


def _run(server: PrefectServer, deployment: str) -> Figures:
    given = ["--param", f"store_url={commands.emptied_store()}"] if deployment == SAMPLE else []
    begun = time.time()
    command = [PREFECT, "deployment", "run", deployment, *given, "--watch"]
    wall_s = measure(command, server.environment()).wall_s
    return {"wall_s": wall_s} | _breakdown(_latest_states(server, deployment), begun, begun + wall_s)


def _breakdown(at: Figures, begun: float, ended: float) -> Figures:
    """Where the seconds of a run went: our command until the run is scheduled, then until each next state."""
    moments = [begun, *(at[state] for state in STATES), ended]
    names = ("command_before_s", "queue_s", "subprocess_s", "flow_s", "command_after_s")
    return {name: later - earlier for name, earlier, later in zip(names, moments, moments[1:], strict=False)}


def _latest_states(server: PrefectServer, deployment: str) -> Figures:
    """When the deployment's latest run entered each state, in seconds since 1970."""
    flow, _, name = deployment.partition("/")
    which = {"flows": {"name": {"any_": [flow]}}, "deployments": {"name": {"any_": [name]}}}
    (latest,) = server.post("flow_runs/filter", which | {"sort": "START_TIME_DESC", "limit": 1})
    states = server.get("flow_run_states/", flow_run_id=latest["id"])
    return {state["name"]: datetime.fromisoformat(state["timestamp"]).timestamp() for state in states}
