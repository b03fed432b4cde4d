"""``shardwise run --engine render`` and ``shardwise render-dev``: the same digest, and nothing left behind."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from flows.on_render import official
from flows.on_render.official import version_of_official
from flows.on_render.run import _show_log
from tests.command import SHARDWISE, environment, shardwise
from tests.flows.merging import merging_server
from tests.golden import GOLDEN_DIGEST
from tests.render_dev.serving import alive, descendants
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.on_render.api import RenderApi

pytestmark = pytest.mark.servers

JSON = dict[str, Any]

# Takes the official program's words and serves by our server.
STAND_IN = """#!{python}
import os, socket, sys, tempfile
from pathlib import Path
folder = tempfile.mkdtemp(prefix="render-sdk-sockets-", dir="/tmp")
listener = socket.socket(socket.AF_UNIX)
listener.bind(folder + "/a.sock")
listener.listen()
listener.set_inheritable(True)
Path(sys.argv[0]).with_name("sockets").write_text(folder)
Path(sys.argv[0]).with_name("called").write_text(" ".join(sys.argv[1:]))
assert sys.argv[1:3] == ["workflows", "dev"]
os.execv(sys.executable, [sys.executable, "-m", "flows.render_dev", *sys.argv[3:]])
"""


def run_on_render(folder: Path, *options: str, **settings: str) -> JSON:
    """Run the engine and return the result it printed; nothing else may be message."""
    done = shardwise("run", "--engine", "render", "--json", *options, cwd=folder, **settings)
    assert (done.returncode, done.stderr) == (0, "")
    result: JSON = json.loads(done.stdout)
    return result


@pytest.fixture
def sockets() -> Iterator[Path]:
    """An empty folder for temporary files, short, since sockets live below it; it must be empty again at the end."""
    folder = Path(tempfile.mkdtemp(prefix="re-"))
    try:
        yield folder
        assert list(folder.iterdir()) == []
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("shards", [1, 10, 100])
def test_the_digest_is_that_of_every_engine(tmp_path: Path, sockets: Path, shards: int) -> None:
    """Any number of shards gives the golden digest, and neither a process nor a file of the server is left."""
    result = run_on_render(tmp_path, "--shards", str(shards), TMPDIR=str(sockets))
    assert (result["digest"], result["engine"], result["shards_processed"]) == (GOLDEN_DIGEST, "render", shards)


def test_a_configured_server_is_used(tmp_path: Path) -> None:
    """With RENDER_LOCAL_DEV_URL the run is one of that server's."""
    with merging_server(tmp_path) as server:
        result = run_on_render(tmp_path, "--run-id", "there", "--shards", "2", RENDER_LOCAL_DEV_URL=server.url)
        [root] = [run for run in server.runs() if run["id"] == run["rootTaskRunId"]]
        [job] = server.run(root["id"])["input"]
    assert (job["run_id"], result["run_id"], result["digest"]) == ("there", "there", GOLDEN_DIGEST)


def test_the_cloud_is_never_used_by_run(tmp_path: Path) -> None:
    """A key and a slug in the environment are for ``trigger``; ``run`` stays on this machine."""
    result = run_on_render(tmp_path, "--shards", "1", RENDER_API_KEY="rnd_x", WORKFLOW_SLUG="merge")
    assert result["output"].startswith(str(tmp_path))


def test_a_bad_row_is_bad_input_here_too(tmp_path: Path) -> None:
    """The message crosses Render whole: exit code 2, file, line and column, no traceback."""
    from shared.run.settings import SAMPLE_DATA

    data = tmp_path / "data"
    shutil.copytree(SAMPLE_DATA, data)
    rows = (data / "billing.csv").read_text().splitlines(keepends=True)
    (data / "billing.csv").write_text("".join([rows[0], rows[1].replace(",", ",x", 3), *rows[2:]]))
    done = shardwise("run", "--engine", "render", "--data", "data", cwd=tmp_path, SHARDWISE_WAIT_SCALE="0.01")
    assert done.returncode == 2
    assert "billing.csv line 2, column" in done.stderr
    assert "Traceback" not in done.stderr


def test_verbose_shows_the_lines_of_every_attempt(tmp_path: Path) -> None:
    """The workers' log comes through the server to the person who asked for it."""
    done = shardwise("run", "--engine", "render", "--shards", "2", "--verbose", cwd=tmp_path, COLUMNS="200")
    assert done.returncode == 0
    for step in ("stage", "shard-000", "shard-001"):
        assert f"step={step} attempt=1" in done.stderr


@contextmanager
def running(folder: Path, sockets: Path) -> Iterator[subprocess.Popen[str]]:
    """A run of many shards, some of which are committed."""
    runs = folder / ".shardwise/runs"
    with subprocess.Popen(
        [SHARDWISE, "run", "--engine", "render", "--shards", "200"],
        cwd=folder,
        env=environment(TMPDIR=str(sockets)),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            wait_until(lambda: len(list(runs.glob("*/manifests/*"))) >= 2, timeout=60, what="shards at work")
            yield process
        finally:
            process.kill()


def test_ctrl_c_stops_server_and_workers(tmp_path: Path, sockets: Path) -> None:
    """It ends with 130 and says how to resume; no process and no file of the server is left."""
    with running(tmp_path, sockets) as process:
        family = descendants(process.pid)
        assert len(family) >= 3  # server, parent of the workers, merge
        process.send_signal(signal.SIGINT)
        _, message = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "same --run-id" in message
    assert not any(alive(each) for each in family)


def test_a_killed_command_takes_server_and_workers_along(tmp_path: Path, sockets: Path) -> None:
    """After a kill -9 of the command nothing is left running in the background."""
    with running(tmp_path, sockets) as process:
        family = descendants(process.pid)
        process.kill()
    wait_until(lambda: not any(alive(each) for each in family), timeout=20, what="the end of the server")
    wait_until(lambda: not list(sockets.iterdir()), timeout=20, what="the end of its files")


def test_a_server_that_dies_is_reported(tmp_path: Path, sockets: Path) -> None:
    """When the server is killed in the middle, the command ends with 1 and one message."""
    with running(tmp_path, sockets) as process:
        family = descendants(process.pid)
        server = next(each for each in family if "flows.render_dev" in " ".join(each.cmdline()))
        server.kill()
        _, message = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "no Render server answers" in message
    wait_until(lambda: not any(alive(each) for each in family), timeout=20, what="the end of every worker")


def test_the_official_program_can_serve(tmp_path: Path, sockets: Path) -> None:
    """``--render-cli`` starts that program as its documentation says, on our app, and stops it."""
    installed = os.environ.get("RENDER_CLI")
    program = installed or stand_in(tmp_path)
    result = run_on_render(tmp_path, "--shards", "2", "--render-cli", program, TMPDIR=str(sockets))
    assert (result["digest"], result["engine"]) == (GOLDEN_DIGEST, "render")
    if not installed:
        called = (tmp_path / "called").read_text()
        assert re.fullmatch(r"workflows dev --port \d+ -- \S+/python\S* -P -m flows.render_tasks", called)


def test_what_the_official_program_leaves_is_removed(tmp_path: Path) -> None:
    """Its folder of sockets goes with it; that of a server that runs stays, and so do those of the past."""
    program = stand_in(tmp_path)
    with (
        tempfile.TemporaryDirectory(prefix="render-sdk-sockets-", dir="/tmp") as running,
        tempfile.TemporaryDirectory(prefix="render-sdk-sockets-", dir="/tmp") as past,
        socket.socket(socket.AF_UNIX) as listener,
        socket.socket(socket.AF_UNIX) as dead,
    ):
        dead.bind(f"{past}/b.sock")
        os.utime(past, (0, 0))
        run_on_render(tmp_path, "--shards", "1", "--render-cli", program, "--run-id", "first")
        listener.bind(f"{running}/c.sock")
        listener.listen()
        os.utime(running, (2**32, 2**32))
        run_on_render(tmp_path, "--shards", "1", "--render-cli", program, "--run-id", "second")
        assert (Path(running).exists(), Path(past).exists()) == (True, True)
    assert not Path((tmp_path / "sockets").read_text()).exists()


def test_the_version_is_asked_once_and_never_waited_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A notice of a newer release is left out; a program that does not answer has an unknown version."""
    program = tmp_path / "render"
    program.write_text("#!/bin/sh\necho x >> asked\necho render v2.30.0\necho\necho A new version is there\n")
    program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    assert [version_of_official(str(program)) for _ in range(3)] == ["render v2.30.0"] * 3
    assert (tmp_path / "asked").read_text() == "x\n"
    silent = tmp_path / "silent"
    silent.write_text("#!/bin/sh\nexec sleep 600\n")
    silent.chmod(0o755)
    monkeypatch.setattr(official, "VERSION_SECONDS", 0.2)
    assert version_of_official(str(silent)) == "unknown"


def stand_in(folder: Path) -> str:
    """A program that is called like the official one."""
    program = folder / "render"
    program.write_text(STAND_IN.format(python=sys.executable))
    program.chmod(0o755)
    return str(program)


def test_the_official_program_is_found_on_the_path(tmp_path: Path) -> None:
    """``--official`` takes the ``render`` that a shell would."""
    stand_in(tmp_path)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    assert run_on_render(tmp_path, "--shards", "1", "--official", PATH=path)["digest"] == GOLDEN_DIGEST


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["run", "--engine", "render", "--official"], 2, "no `render` is on the PATH"),
        (["run", "--engine", "render", "--render-cli", "missing"], 2, "missing cannot be started"),
        (
            ["run", "--engine", "render", "--render-cli", "/bin/false"],
            1,
            "ended with exit status 1 before it was ready",
        ),
        (["run", "--engine", "local", "--official"], 2, "add --engine render"),
        (["render-dev", "--port", "70000"], 2, "a port is a number from 0 (any free one) to 65535"),
        (["render-dev", "--max-concurrency", "0"], 2, "at least one run must be able to work"),
    ],
)
def test_wrong_use_is_refused(tmp_path: Path, options: list[str], code: int, message: str) -> None:
    """What cannot work is message in one message."""
    done = shardwise(*options, cwd=tmp_path, PATH="/usr/bin:/bin")
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [[], ["--", sys.executable, "-m", "flows.render_tasks"]])
def test_render_dev_serves_until_it_is_stopped(tmp_path: Path, sockets: Path, words: list[str]) -> None:
    """The command serves our app, or what stands behind ``--``, and ends with 0 on SIGTERM."""
    with subprocess.Popen(
        [SHARDWISE, "render-dev", "--port", "0", *words],
        cwd=tmp_path,
        env=environment(TMPDIR=str(sockets)),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        message = [process.stdout.readline() for _ in range(7)]
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert message[0].startswith("Workflow server listening on port ")
    assert message[1].startswith("5 tasks found in ")
    assert {line.strip() for line in message[2:]} == {
        "- stage",
        "- process_shard",
        "- aggregate",
        "- merge_customer_data",
        "- run_pipeline",
    }


class NoLog:
    """A client whose server has gone before the log was read."""

    def log(self, run_id: str) -> str:
        """Fail in a way that nobody foresaw."""
        raise ValueError(f"no log of {run_id}")


def test_showing_the_log_changes_no_outcome(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever goes wrong when the log of a run is shown, the run ended as it did."""
    _show_log(cast("RenderApi", NoLog()), "trn-1")
    assert "the log of the run cannot be shown: no log of trn-1" in caplog.text
