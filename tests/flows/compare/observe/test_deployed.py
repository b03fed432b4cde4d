"""Deployed Prefect: a server, a pool, a deployment and a worker of the comparison's, or of the user's."""

from __future__ import annotations

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import psutil
import pytest

from flows.compare.observe.cells import run_cell
from flows.compare.observe.context import ComparisonContext, context_of
from flows.compare.options import Options, RetryOptions
from flows.engine.column import not_observable
from flows.engine.session import Choices, Session
from flows.engine.verdicts import Verdict
from flows.local import ENGINE as LOCAL
from flows.registry import COLUMNS
from tests.command import SHARDWISE, environment
from tests.flows.compare.known import SCENARIOS
from tests.prefect_server import PrefectServer, running_worker
from tests.processes import processes_with
from tests.waiting import wait_until

if TYPE_CHECKING:
    from flows.compare.record.observed import Cell

# a server, a worker, and what they need to notice a death
pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]
DEPLOYED = COLUMNS["prefect-deployed"]
AT_ONCE = 15.0  # seconds: far below any heartbeat


def run(context: ComparisonContext, scenario: str) -> Cell:
    """A cell of this column."""
    return run_cell(context, SCENARIOS[scenario], DEPLOYED, 11)


def test_the_worker_reports_a_dead_flow_at_once(context: ComparisonContext) -> None:
    """Undeployed, nobody is there to report it; with a worker the run is Crashed and its slot free in no time."""
    cell = run(context, "deployed_kill_flow")
    assert cell.judgement.mismatches == ()
    watched = cell.starts[0].watched
    assert watched is not None
    assert (watched.known_seconds or 999) < AT_ONCE
    assert (watched.slot_seconds or 999) < AT_ONCE
    assert cell.engine[-1].state == "crashed"
    denied = [finding for finding in cell.judgement.findings if "is still" in finding]
    assert denied == []  # other findings are about tasks that were scheduled and had not started


def test_a_lost_machine_is_not_noticed(context: ComparisonContext) -> None:
    """Flow and worker killed at once leave a run that says Running and keeps its slot; the next cell has a worker."""
    cell = run(context, "deployed_kill_flow_and_worker")
    assert (cell.judgement.mismatches, cell.judgement.verdict) == ((), Verdict.STUCK)
    watched = cell.starts[0].watched
    assert watched is not None
    assert (watched.known_seconds, watched.slot_seconds) == (None, None)
    assert cell.engine[-1].state == "running"
    assert run(context, "nothing_breaks").judgement.mismatches == ()


def test_as_shipped_a_lost_machine_costs_minutes_and_no_person(context: ComparisonContext) -> None:
    """The run is Crashed when its heartbeats stop, starts again and completes with what was committed.

    An earlier cell that changes the deployment, and with it what the automations watch, makes no difference.
    """
    changed = run_cell(context, SCENARIOS["deployed_change"], COLUMNS["prefect-shipped"], 11)
    assert changed.judgement.mismatches == ()
    cell = run_cell(context, SCENARIOS["deployed_kill_flow_and_worker"], COLUMNS["prefect-shipped"], 11)
    assert (cell.judgement.mismatches, cell.judgement.verdict) == ((), Verdict.OURS)
    assert [record.state for record in cell.engine] == ["crashed", "completed"]
    assert {attempt.invocation for attempt in cell.attempts} == {1, 2}
    assert not cell.judgement.reprocessed


def test_two_runs_of_one_run_id_share_the_work(context: ComparisonContext) -> None:
    """Both complete, with one output."""
    cell = run(context, "deployed_run_id_twice")
    assert cell.judgement.mismatches == ()
    assert [record.state for record in cell.engine] == ["completed", "completed"]
    assert {attempt.invocation for attempt in cell.attempts} == {1, 2}


def test_a_pool_of_the_users_runs_it_and_is_left_as_it_was(
    context: ComparisonContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``--work-pool`` with PREFECT_API_URL: their worker executes, and only the deployment comes and goes."""
    url = DEPLOYED.serving(context.session).environment({}, 2)["PREFECT_API_URL"]
    with TemporaryDirectory(prefix="sw-") as scratch:
        server = PrefectServer(url, tmp_path, Path(scratch))
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        before = [each["id"] for each in server.post("deployments/filter", {})]
        server.post("work_pools/", {"name": "theirs", "type": "process"})
        with (
            running_worker(server, "theirs"),
            Session(tmp_path, 2, Choices(options={"work_pool": "theirs"})) as session,
        ):
            cell = run(
                context_of(session, tmp_path, Options(shards=8, retry=RetryOptions(wait_scale=0)), LOCAL),
                "nothing_breaks",
            )
        assert [each["id"] for each in server.post("deployments/filter", {})] == before
        assert "theirs" in [pool["name"] for pool in server.post("work_pools/filter", {})]
    assert (cell.judgement.verdict, cell.judgement.mismatches) == (Verdict.UNAFFECTED, ())
    assert cell.observed_on.served_by.endswith("process worker")


def test_a_stopped_comparison_takes_its_flows_along(tmp_path: Path) -> None:
    """A flow is not a child of the comparison, and its worker leaves it running; SIGTERM ends it all the same."""
    command = [SHARDWISE, "compare", "--engines", "prefect-deployed", "--scenarios", "hang_once"]
    settings = environment(TMPDIR=str(tmp_path))
    with subprocess.Popen(command, cwd=tmp_path, env=settings, stderr=subprocess.PIPE, text=True) as process:
        wait_until(lambda: _flows(tmp_path), timeout=120, what="the flow's process")
        process.terminate()
        _, message = process.communicate(timeout=60)
    assert process.returncode == 130, message
    wait_until(lambda: not processes_with("TMPDIR", tmp_path), timeout=30, what="the end of all its processes")


def _flows(folder: Path) -> list[int]:
    found = (process.info | {"pid": process.pid} for process in psutil.process_iter(["cmdline", "environ"]))
    ours = (each for each in found if (each["environ"] or {}).get("TMPDIR") == str(folder))
    return [each["pid"] for each in ours if "prefect.engine" in (each["cmdline"] or [])]


def test_a_pool_without_a_server_cannot_be_observed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pool of the user's is on a server of the user's."""
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    with Session(tmp_path, 2, Choices(options={"work_pool": "theirs"})) as session:
        assert "set PREFECT_API_URL" in not_observable([DEPLOYED], session)["prefect-deployed"]
