"""What a pipeline logs by ``context.logger`` is in the log of the engine that runs it, whichever that is."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from flows.local import run_job
from shared.isolation import pool
from shared.run.new_job import make_job
from shared.run.policy import shard_policy
from tests.flows.merging import merging_server
from tests.flows.prefect_driving import driving
from tests.prefect_server import ROOT
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.prefect_server import PrefectServer

    Logged = Callable[[], str]

pytestmark = pytest.mark.servers

TALKS = "tests.pipelines.talks"
ALLOWED = {"SHARDWISE_PIPELINES": TALKS}
STEPS = ("stage", "shard-000", "shard-001", "aggregate")
SAID = [
    "the staging talks",
    *(f"a thread of shard {shard} talks" for shard in (0, 1)),
    *(f"shard {shard} warns" for shard in (0, 1)),
    "in two lines",
    "the aggregation of 2 shards talks",
    *(f"event=attempt_done run_id=r step={step} attempt=1" for step in STEPS),
]


@pytest.fixture(params=["local", "local in one process", "prefect", "prefect-isolated", "render"])
def log(request: pytest.FixtureRequest, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[Logged]:
    """The log of a run of two shards on an engine, as that shows it."""
    isolation = "none" if request.param in {"local in one process", "prefect"} else "process"
    given = {"pipeline": TALKS, "store_url": str(tmp_path / "store"), "num_shards": 2, "run_id": "r"}
    if request.param == "render":
        with merging_server(tmp_path, **ALLOWED, PYTHONPATH=str(ROOT)) as server:
            root = server.finish("run_pipeline", [given])["id"]
            yield lambda: "".join(server.log(run["id"]) for run in server.runs() if run["rootTaskRunId"] == root)
    elif request.param.startswith("prefect"):
        prefect_server: PrefectServer = request.getfixturevalue("prefect_server")
        with driving(prefect_server, SHARDWISE_ISOLATION=isolation, **ALLOWED) as driver:
            ended = driver.run(**given)
            assert ended.state == "Completed", ended.error
            yield lambda: "\n".join(prefect_server.log(ended.flow_run_id))
    else:
        monkeypatch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
        monkeypatch.setenv("SHARDWISE_ISOLATION", isolation)
        monkeypatch.setenv("SHARDWISE_PIPELINES", TALKS)
        pool.stop()  # warm workers keep the environment that they started in
        with caplog.at_level(logging.INFO, "shardwise"):
            run_job(make_job(**given), 2, shard_policy())  # type: ignore[arg-type]
        pool.stop()
        logged = "\n".join(record.getMessage() for record in caplog.records)
        yield lambda: logged


def test_what_a_pipeline_logs_is_in_the_engines_log(log: Logged) -> None:
    """From each step and from a thread of one, with the lines of each attempt; nothing below the engine's level."""
    wait_until(lambda: all(each in log() for each in SAID), timeout=30, what="all lines in the log")
    assert "nobody asked for this" not in log()
