"""A start of a run has a deadline; however it ends, none of its processes is left."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from dataclasses import replace
from typing import TYPE_CHECKING

import psutil
import pytest

from flows.compare.observe.cells import run_cell
from flows.engine.verdicts import Verdict
from flows.registry import COLUMNS
from shared.run.scratch import own_prefix, scratch
from tests.command import SHARDWISE, environment
from tests.flows.compare.known import SCENARIOS
from tests.processes import processes_with
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from flows.compare.observe.context import ComparisonContext

pytestmark = pytest.mark.servers  # whole comparisons, a Prefect server among what they start


def test_a_run_that_never_ends_is_stuck(context: ComparisonContext) -> None:
    """Past its deadline a cell says so, and its processes, the hanging one included, are gone."""
    endless = replace(SCENARIOS["hang_once"], short_timeout=False, deadline=12.0)
    cell = run_cell(context, endless, COLUMNS["local"], 9)
    assert cell.judgement.verdict is Verdict.STUCK
    assert cell.starts[0].error.startswith("never ended: no answer after")
    pids = {attempt.pid for attempt in cell.attempts}
    wait_until(lambda: not any(map(psutil.pid_exists, pids)), timeout=30, what="the end of all processes of the cell")


def test_a_stopped_comparison_leaves_nothing(tmp_path: Path) -> None:
    """SIGTERM in the middle ends it with one message, and with it its servers and cells."""
    status, said = _strike(tmp_path, signal.SIGTERM)
    assert status == 130, said
    assert "the comparison was stopped" in said
    assert [path.name for path in tmp_path.iterdir()] == ["shardwise-report"]


def test_a_killed_comparison_leaves_nothing_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kill -9 also ends its servers and cells, and the next process with a temporary folder removes its folder."""
    status, said = _strike(tmp_path, signal.SIGKILL)
    assert (status, said.count("Traceback")) == (-signal.SIGKILL, 0), said
    assert list(tmp_path.glob(f"{own_prefix()}*"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with scratch():
        pass
    assert not list(tmp_path.glob(f"{own_prefix()}*"))


def _strike(folder: Path, strike: signal.Signals) -> tuple[int, str]:
    """Exit status and message of a comparison that gets a signal in its middle, its processes gone."""
    command = [SHARDWISE, "compare", "--engines", "prefect,render", "--scenarios", "nothing_breaks"]
    settings = environment(TMPDIR=str(folder))
    with subprocess.Popen(command, cwd=folder, env=settings, stderr=subprocess.PIPE, text=True) as process:
        wait_until(lambda: _server_speaks(folder), timeout=60, what="the Prefect server")
        os.kill(process.pid, strike)
        _, said = process.communicate(timeout=60)
    wait_until(lambda: not processes_with("TMPDIR", folder), timeout=30, what="the end of all its processes")
    return process.returncode, said


def _server_speaks(folder: Path) -> bool:
    return any(log.stat().st_size for log in folder.glob(f"{own_prefix()}*/prefect.log"))
