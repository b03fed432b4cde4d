"""A start of a run has a deadline, and whatever becomes of it, none of its processes is left."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import psutil

from flows.compare.cells import run_cell
from flows.compare.columns import COLUMNS
from flows.compare.scenarios import SCENARIOS
from flows.compare.verdicts import Verdict
from tests.command import SHARDWISE, environment
from tests.processes import processes_with
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from flows.compare.place import Place


def test_a_run_that_never_ends_fails_loudly(place: Place) -> None:
    """Past its deadline a cell says so, and its processes, the hanging one included, are gone."""
    endless = replace(SCENARIOS["hang_once"], timeout=None, deadline=4.0)
    cell = run_cell(place, endless, COLUMNS["local"], 9)
    assert cell.verdict is Verdict.LOUD
    assert cell.starts[0].error.startswith("never ended: no answer after")
    pids = {entry["pid"] for entry in cell.history.entries}
    wait_until(lambda: not any(map(psutil.pid_exists, pids)), timeout=30, what="the end of all processes of the cell")


def test_a_stopped_comparison_leaves_nothing(tmp_path: Path) -> None:
    """SIGTERM in the middle ends it with one message, and with it its servers and cells."""
    command = [SHARDWISE, "compare", "--engines", "prefect,render", "--scenarios", "nothing_breaks"]
    settings = environment(TMPDIR=str(tmp_path))
    with subprocess.Popen(command, cwd=tmp_path, env=settings, stderr=subprocess.PIPE, text=True) as process:
        wait_until(lambda: _server_speaks(tmp_path), timeout=60, what="the Prefect server")
        os.kill(process.pid, signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "the comparison was stopped" in said
    wait_until(lambda: not processes_with("TMPDIR", tmp_path), timeout=30, what="the end of all its processes")
    assert [path.name for path in tmp_path.iterdir()] == ["shardwise-report"]


def _server_speaks(folder: Path) -> bool:
    return any(log.stat().st_size for log in folder.glob("shardwise-compare-*/prefect.log"))
