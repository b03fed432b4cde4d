"""``shardwise runs``: a line for each run of a store."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.command import SHARDWISE, environment, shardwise
from tests.data import row, write_sources
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

TITLES = ["run", "pipeline", "engine", "state", "shards", "started", "(UTC)", "took", "starts"]
LINE = re.compile(r"(\S+) +customers +(\S+) +(\S+) +(\d+ of \d+) +\S{10} \S{8} +(?:(\d+\.\d) s)? +(\d+) *")


def run(folder: Path, run_id: str, *options: str) -> int:
    """Run in a folder; the exit status."""
    return shardwise("run", "--run-id", run_id, "--shards", "2", *options, cwd=folder).returncode


def interrupt(folder: Path, run_id: str, by: signal.Signals) -> None:
    """Run in a folder, and send the run a signal in its middle."""
    manifests = folder / f".shardwise/runs/{run_id}/manifests"
    command = [SHARDWISE, "run", "--engine", "local", "--run-id", run_id, "--shards", "200"]
    with subprocess.Popen(command, cwd=folder, env=environment(), stderr=subprocess.DEVNULL) as process:
        wait_until(lambda: list(manifests.glob("*.json")), timeout=60, what="a committed shard")
        process.send_signal(by)


def listed(folder: Path) -> list[tuple[str, ...]]:
    """Run, engine, state, shards, seconds and starts of each line."""
    title, *lines = shardwise("runs", cwd=folder).stdout.splitlines()
    assert title.split() == TITLES
    matches = [LINE.fullmatch(line) for line in lines]
    assert all(matches), lines
    return [match.groups() for match in matches if match]


def test_a_store_without_runs_says_so(tmp_path: Path) -> None:
    """It is not an error."""
    assert shardwise("runs", cwd=tmp_path).stderr == f"{tmp_path}/.shardwise has no runs\n"


@pytest.mark.parametrize("engine", ["local", "render"])
def test_a_failed_run_is_called_failed(tmp_path: Path, engine: str) -> None:
    """Until it is resumed and done; the latest start counts, and the latest run comes last."""
    broken = write_sources(tmp_path / "data", crm=[row("a", deal_value="many")])
    assert run(tmp_path, "whole", "--engine", engine) == 0
    assert run(tmp_path, "broken", "--engine", engine, "--data", str(broken)) == 2
    (first, second) = listed(tmp_path)
    assert (*first[:4], first[5]) == ("whole", engine, "finished", "2 of 2", "1")
    assert (*second[:4], second[5]) == ("broken", engine, "failed", "0 of 2", "1")
    assert run(tmp_path, "broken", "--engine", "local", "--data", str(broken), "--max-rejects", "1") == 0
    resumed = listed(tmp_path)[1]
    assert (*resumed[:4], resumed[5]) == ("broken", "local", "finished", "2 of 2", "2")


def test_a_stopped_run_and_a_killed_one(tmp_path: Path) -> None:
    """Ctrl-C is known to have stopped a run; of a killed one nobody knows that it does not run."""
    interrupt(tmp_path, "stopped", signal.SIGINT)
    interrupt(tmp_path, "killed", signal.SIGKILL)
    assert [(line[0], line[2], bool(line[4])) for line in listed(tmp_path)] == [
        ("stopped", "stopped", True),
        ("killed", "unfinished", False),
    ]


def test_a_long_name_is_whole_in_a_narrow_terminal(tmp_path: Path) -> None:
    """A name is there to be copied."""
    name = "nightly-" + "x" * 72
    assert run(tmp_path, name, "--engine", "local") == 0
    narrow = shardwise("runs", cwd=tmp_path, COLUMNS="40")
    assert name in narrow.stdout
    (as_json,) = json.loads(shardwise("runs", "--json", cwd=tmp_path).stdout)
    assert (as_json["run_id"], as_json["engine"], as_json["state"]) == (name, "local", "finished")
    assert as_json["seconds"] > 0
