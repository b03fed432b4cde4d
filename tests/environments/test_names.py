"""Files of the current folder that are called like ours, or like Python's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command import shardwise
from tests.golden import GOLDEN_DIGEST
from tests.processes import processes_with
from tests.waiting import wait_until

NAMES = ("shared/__init__", "flows/__init__", "random", "queue", "secrets", "selectors", "json", "tempfile", "pandas")
ETL = """
import queue, random, secrets
from pathlib import Path

class Pipeline:
    name, version, suffix = "etl", 1, ".txt"

    def process_shard(self, context, shard_id, path):
        found = [Path(module.__file__).parent.name for module in (queue, random, secrets)]
        path.write_text(" ".join(found))
        return {"hidden": sum(name == "mine" for name in found)}

    def aggregate(self, context, shards):
        return {"hidden": sum(shard["hidden"] for shard in shards)}

pipeline = Pipeline()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of such files, which cannot be imported, and a pipeline."""
    folder = tmp_path / "mine"
    for name in NAMES:
        file = folder / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"raise RuntimeError('{name} of the current folder was imported')\n")
    (folder / "etl.py").write_text(ETL)
    (folder / "flows/etl.py").write_text(ETL)
    return folder


@pytest.mark.parametrize("engine", ["local", "render"])
def test_no_process_of_a_run_imports_them(folder: Path, engine: str) -> None:
    """Neither the command nor the processes it starts; the merge ends with its digest."""
    done = shardwise("run", "--engine", engine, "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["digest"] == GOLDEN_DIGEST


@pytest.mark.servers
@pytest.mark.parametrize("runner", ["dask", "processes"])
def test_no_process_of_prefect_imports_them(folder: Path, tmp_path: Path, runner: str) -> None:
    """Neither the temporary server nor the processes that run shards: workers of Dask, Prefect's own pool.

    They talk to the server of the command instead of starting more, and nothing is left when the run ends.
    """
    home = tmp_path / "home"
    settings = {"PREFECT_HOME": str(home), "DASK_TEMPORARY_DIRECTORY": str(tmp_path)}
    options = ("--runner", runner, "--workers", "2", "--shards", "2", "--json", "--verbose")
    done = shardwise("run", *options, cwd=folder, **settings)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["digest"] == GOLDEN_DIGEST
    assert "Starting temporary server" not in done.stderr
    wait_until(lambda: not processes_with("PREFECT_HOME", home), timeout=20, what="the end of all it started")


@pytest.mark.parametrize("engine", ["local", "render"])
def test_a_pipeline_of_the_folder_has_pythons_own(folder: Path, engine: str) -> None:
    """The folder of a named pipeline is searched last, in every process."""
    done = shardwise("run", "--engine", engine, "--pipeline", "etl:pipeline", "--json", "--data", ".", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["hidden"] == 0


def test_a_pipeline_that_ours_hide_is_told_so(folder: Path) -> None:
    """A team's ``flows.etl`` cannot be found beside our ``flows``; the message says what to do."""
    done = shardwise("run", "--engine", "local", "--pipeline", "flows.etl:pipeline", cwd=folder)
    assert done.returncode == 2
    assert "flows is a package of shardwise, so give yours another name" in done.stderr


def test_a_pipeline_that_pythons_hides_is_told_so(folder: Path) -> None:
    """The message names the file that was found instead."""
    (folder / "calendar.py").write_text(ETL)
    done = shardwise("run", "--engine", "local", "--pipeline", "calendar:pipeline", cwd=folder)
    assert done.returncode == 2
    assert f"calendar ({Path(json.__file__).parent.parent}/calendar.py) has no pipeline" in done.stderr
