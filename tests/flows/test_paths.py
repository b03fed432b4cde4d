"""The paths that CONTRIBUTING lists, from the command to a committed shard, are those that runs take."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from itertools import groupby
from typing import TYPE_CHECKING

import pytest

from flows.registry import ENGINES
from tests.command import environment
from tests.pipelines.traced import FOLDER, ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.prefect_server import PrefectServer

LONGEST = 8  # files
SECTION = (ROOT / "CONTRIBUTING.md").read_text().split("## From the command to a committed shard")[1].split("\n## ")[0]
_BLOCK = re.compile(r"^\w.+(?:\n  .+)+", re.MULTILINE)  # an engine and its path
PATHS = {block.split()[0]: re.findall(r"[\w/]+\.py:\w+", block) for block in _BLOCK.findall(SECTION)}
HANDED_OVER = "flows/on_render/api.py:start"  # has returned when Render's server runs the shard
WAITING = {f"flows/on_render/{name}.py" for name in ("follow", "api", "connection")}
COMMAND = "from tests.pipelines.traced import follow_command; follow_command(); from flows.cli import main; main()"


def file_of(place: str) -> str:
    """Of ``file:function``."""
    return place.partition(":")[0]


def files_of(places: list[str]) -> list[str]:
    """The files that a path visits, in its order."""
    return [file for file, _ in groupby(map(file_of, places))]


def test_there_is_a_short_path_for_each_engine() -> None:
    """At most eight files, none visited twice, from the command to the commit."""
    assert PATHS.keys() == ENGINES.keys()
    for places in PATHS.values():
        assert places[0] == "flows/commands/run.py:run"
        assert places[-1] == "shared/run/run.py:commit"
        assert len(set(map(file_of, places))) == len(places) <= LONGEST


@pytest.mark.servers
@pytest.mark.parametrize("engine", ENGINES)
def test_a_run_takes_the_path(engine: str, prefect_server: PrefectServer, tmp_path: Path) -> None:
    """What calls what is seen in the process of the command and in that of the shard while one is committed."""
    run = ["run", "--engine", engine, "--pipeline", "tests.pipelines.traced", "--shards", "1", "--data", "sample_data"]
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *run, "--store", str(tmp_path / "store")],
        cwd=ROOT,
        env=environment(PREFECT_API_URL=prefect_server.api_url, **{FOLDER: str(tmp_path)}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    threads = json.loads((tmp_path / "command.json").read_text())
    [caller] = [each for each in threads if PATHS[engine][0] in each]
    asking = [place for each in threads if "shared/isolation/worker.py:ask" in each for place in each]
    seen = [*caller[caller.index(PATHS[engine][0]) :], *asking, *json.loads((tmp_path / "shard.json").read_text())]
    if engine == "render":  # the command has handed over, and waits
        seen = [place for place in seen if file_of(place) not in WAITING]
        assert "api.start(" in (ROOT / "flows/on_render/run.py").read_text()
    path = [place for place in PATHS[engine] if place != HANDED_OVER]
    assert files_of(seen) == files_of(path)
    assert set(path) <= set(seen)
