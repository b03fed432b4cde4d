"""The column of Render's cloud against a stand-in for its public API: cost, consent, trouble, nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import fsspec
import pytest

from flows.engine.verdicts import Verdict
from flows.on_render.api import RenderApi
from flows.on_render.columns.cloud import dollars
from flows.on_render.columns.cloud_notes import note, read_notes, root_of
from shared.run.settings import SAMPLE_DATA
from tests.command import SHARDWISE, environment, shardwise
from tests.flows.compare.made import recorded
from tests.flows.merging import merging_server
from tests.golden import GOLDEN_DIGEST
from tests.render_cloud import DROP, LOSE, NAME, Trouble, render_cloud, upstream_at
from tests.shared.s3_server import s3_server
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.render_cloud import Answer, RenderCloud

Json = dict[str, Any]
BUCKET = "s3://compared"
pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]  # waits as they are declared, and a bucket
OPTIONS = ("--engines", "render-cloud", "--shards", "8", "--yes")


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, str, Any], Answer]]:
    """A server that runs our tasks as a deployed workflow would: waits as declared, a bucket, faults allowed."""
    with s3_server():
        fsspec.filesystem("s3").mkdir(BUCKET)
        settings = {"SHARDWISE_WAIT_SCALE": "1", "SHARDWISE_ALLOW_FAULTS": "true"}
        folder = tmp_path_factory.mktemp("cloud")
        (folder / SAMPLE_DATA.name).symlink_to(SAMPLE_DATA)  # workers start in the checkout there
        with merging_server(folder, **settings) as server:
            yield upstream_at(server.url)


def compare(cloud: RenderCloud, folder: Path, *options: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Compare on the stand-in, by the workflow's name without its suffix."""
    given = environment(**(cloud.environment(NAME) | {"SHARDWISE_STORE_URL": BUCKET} | settings))
    command = [SHARDWISE, "compare", *OPTIONS, *options]
    return subprocess.run(command, cwd=folder, env=given, capture_output=True, text=True, check=False, timeout=280)


def test_the_cloud_is_compared_through_its_api_alone(
    tmp_path: Path, upstream: Callable[[str, str, Any], Answer]
) -> None:
    """Faults are inside the tasks; run ids and where it was observed are in the evidence, and every run is paged."""
    with render_cloud(upstream) as cloud:
        done = compare(cloud, tmp_path, "--scenarios", "nothing_breaks,kill_worker_once", "--repeat", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    quiet, killed = recorded(tmp_path).cells
    assert (quiet.judgement.verdict, killed.judgement.verdict) == (Verdict.UNAFFECTED, Verdict.ENGINE)
    assert quiet.store.digest == GOLDEN_DIGEST
    assert quiet.observed_on.served_by.startswith("Render Workflows")
    assert all(cell.engine[0].id.startswith("trn-") for cell in (quiet, killed))
    assert killed.engine[0].attempts["shard-002"] == 2


def test_trouble_on_the_way_changes_nothing(tmp_path: Path, upstream: Callable[[str, str, Any], Answer]) -> None:
    """A lost answer to the start, a lost connection, 429 with Retry-After, 503: one run, the same verdict."""
    troubles = [
        Trouble(LOSE, "POST /task-runs"),
        Trouble(DROP, "GET /task-runs/*", after=1),
        Trouble(429, "GET /task-runs/*", after=3, headers={"Retry-After": "1"}),
        Trouble(503, "GET /task-runs", times=2),
    ]
    with render_cloud(upstream, troubles) as cloud:
        done = compare(cloud, tmp_path, "--scenarios", "nothing_breaks", "--repeat", "1")
        bodies = [each["body"] for each in cloud.requests if each["method"] == "POST"]
    assert done.returncode == 0, done.stdout + done.stderr
    assert len({body["idempotencyKey"] for body in bodies}) == 1 < len(bodies)
    [cell] = recorded(tmp_path).cells
    assert (cell.judgement.verdict, cell.judgement.findings) == (Verdict.UNAFFECTED, ())


@pytest.mark.parametrize(
    ("settings", "options", "reason"),
    [
        ({"RENDER_API_KEY": ""}, (), "it needs RENDER_API_KEY and WORKFLOW_SLUG"),
        ({"SHARDWISE_STORE_URL": ""}, (), "set SHARDWISE_STORE_URL to a bucket"),
        ({}, ("--data", "here"), "which Render cannot read; set a bucket with --data"),
        ({}, ("--no-yes",), "it costs money; agree with --yes"),
        ({"RENDER_API_KEY": "wrong"}, (), "Render refuses the key in RENDER_API_KEY"),
        ({}, ("--max-dollars", "0.001"), "more than --max-dollars 0.001"),
    ],
)
def test_what_is_missing_is_said_and_nothing_is_started(
    tmp_path: Path, settings: dict[str, str], options: tuple[str, ...], reason: str
) -> None:
    """No account, no bucket, data of this machine, no consent, no money: not observed, and the cloud is not asked."""
    with render_cloud(lambda *_: (404, {"message": "task run not found"})) as cloud:
        given = [option for option in options if option != "--no-yes"]
        chosen = ("--engines", "render-cloud", *(() if "--no-yes" in options else ("--yes",)))
        values = cloud.environment(NAME) | {"SHARDWISE_STORE_URL": BUCKET} | settings
        done = shardwise("compare", *chosen, "--scenarios", "nothing_breaks", *given, cwd=tmp_path, **values)
        assert cloud.asked("POST *") == 0
    assert done.returncode == 2
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_that_vanishes_is_told(tmp_path: Path, upstream: Callable[[str, str, Any], Answer]) -> None:
    """The caller gets an error, and the engine's record has the result of the run."""
    del upstream  # the bucket is there, and nothing else is needed

    def forgetful(method: str, _path: str, _body: Any) -> Answer:
        return (202, {"id": "trn-1", "status": "running"}) if method == "POST" else (404, {"message": "not found"})

    with render_cloud(forgetful) as cloud:
        done = compare(cloud, tmp_path, "--scenarios", "nothing_breaks", "--repeat", "1")
    assert done.returncode == 1, done.stdout + done.stderr
    [cell] = recorded(tmp_path).cells
    assert (cell.judgement.verdict, cell.engine[0].state) == (Verdict.FAILED, "vanished")
    assert "does not know the run trn-1" in cell.starts[0].error


def test_a_stopped_comparison_cancels_what_it_started(tmp_path: Path) -> None:
    """Ctrl-C leaves nothing on the cloud that costs money."""

    def endless(method: str, _path: str, _body: Any) -> Answer:
        return (204, None) if method == "DELETE" else (202, {"id": "trn-1", "status": "running"})

    with render_cloud(endless) as cloud:
        settings = cloud.environment() | {"SHARDWISE_STORE_URL": BUCKET}
        command = [SHARDWISE, "compare", *OPTIONS, "--scenarios", "nothing_breaks"]
        with subprocess.Popen(
            command, cwd=tmp_path, env=environment(**settings), stderr=subprocess.PIPE, text=True
        ) as process:
            wait_until(lambda: cloud.asked("GET /task-runs/trn-1"), timeout=60, what="the run to be followed")
            os.kill(process.pid, signal.SIGINT)
            _, message = process.communicate(timeout=60)
        assert cloud.asked("DELETE /task-runs/trn-1") == 1
    assert process.returncode == 130, message


def test_a_run_whose_answer_nobody_saw_is_found_again(tmp_path: Path) -> None:
    """The caller was killed between its request and its note: the same key leads to the run that it started."""
    runs: list[str] = []

    def upstream(_method: str, _path: str, body: Any) -> Answer:
        runs.append(body["idempotencyKey"])
        return 202, {"id": f"trn-{len(set(runs))}", "status": "running"}

    file = tmp_path / "notes"
    note(file, {"run_id": "a", "key": "a-1", "task": "merge_customer_data", "given": {}})
    note(file, {"run_id": "b", "key": "b-1", "task": "merge_customer_data", "given": {}})
    note(file, {"key": "b-1", "root": "trn-7"})
    with render_cloud(upstream) as cloud, RenderApi(cloud.endpoint()) as api:
        assert [root_of(api, each) for each in read_notes(file)] == ["trn-1", "trn-7"]
    assert runs == ["a-1"]


def test_each_step_costs_what_its_plan_does() -> None:
    """The staging has a larger machine than all others."""
    assert dollars({"stage": 1800.0, "shard-000": 3600.0, "root": 0.0}) == pytest.approx(0.15)
