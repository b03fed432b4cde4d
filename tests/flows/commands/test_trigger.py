"""``shardwise trigger``: its two lines, what it sends, what it says when something is wrong."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from shared.run.settings import SAMPLE_DATA
from tests.command import environment, shardwise
from tests.flows.merging import ODD_APP, TASK, fault, merging_server, odd_server, started, trigger
from tests.golden import GOLDEN_DIGEST
from tests.render_dev.serving import ours

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.render_dev.serving import Server

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server of this file was started; its store is ``.shardwise`` there."""
    return tmp_path_factory.mktemp("trigger")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    """The local server with our app, and two shards a run."""
    with merging_server(folder, SHARDWISE_NUM_SHARDS="2") as running:
        yield running


def test_it_prints_two_lines(server: Server, tmp_path: Path) -> None:
    """The run's id at once, what was merged at the end; nothing on stderr when no terminal watches."""
    done = trigger(server, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(
        r"Run started: trn-\w{20}\nMerged 1000 enriched profiles across 2 shards in \d+\.\ds\n", done.stdout
    )
    assert server.run(started(done.stdout))["input"] == []


def test_the_module_is_the_same_command(server: Server, tmp_path: Path) -> None:
    """``python -m flows.commands.trigger`` prints the same."""
    done = subprocess.run(
        [sys.executable, "-m", "flows.commands.trigger", "--shards", "1"],
        cwd=tmp_path,
        env=environment(RENDER_LOCAL_DEV_URL=server.url),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Merged 1000 enriched profiles across 1 shards in " in done.stdout


def test_json_is_all_there_is_on_stdout(server: Server, tmp_path: Path) -> None:
    """With ``--json`` a program reads the result, and a person the run's id on stderr."""
    done = trigger(server, tmp_path, "--json", "--shards", "1")
    assert json.loads(done.stdout)["digest"] == GOLDEN_DIGEST
    assert started(done.stderr)


def test_only_what_was_given_is_sent(server: Server, tmp_path: Path) -> None:
    """Options become fields of the job, folders absolute paths, and the rest is the worker's business."""
    options = ["--shards", "7", "--run-id", "seven", "--max-rejects", "1%", "--store", "here", "--data"]
    done = trigger(server, tmp_path, *options, str(SAMPLE_DATA))
    assert done.returncode == 0, done.stderr
    [sent] = server.run(started(done.stdout))["input"]
    assert sent == {
        "num_shards": 7,
        "run_id": "seven",
        "parameters": {"max_rejects": "1%"},
        "data_url": str(SAMPLE_DATA),
        "store_url": str(tmp_path / "here"),
    }
    assert (tmp_path / "here/runs/seven/result.json").exists()


def test_the_same_key_finds_the_same_run(server: Server, tmp_path: Path) -> None:
    """A start that is repeated with its key starts nothing and reports the first run."""
    first, second = (trigger(server, tmp_path, "--shards", "1", "--idempotency-key", "monday") for _ in range(2))
    assert (first.returncode, second.returncode) == (0, 0)
    assert started(first.stdout) == started(second.stdout)


def test_a_failed_attempt_is_no_failed_run(tmp_path: Path) -> None:
    """While a retry is still to come, the command waits for it."""
    with odd_server(tmp_path, "flaky") as server:
        done = trigger(server, tmp_path)
        assert done.returncode == 0, done.stderr
        assert "Merged 5 enriched profiles across 2 shards" in done.stdout
        attempts = server.run(started(done.stdout))["attempts"]
        assert [attempt["status"] for attempt in attempts] == ["failed", "completed"]


def test_a_failed_run_names_the_shard(server: Server, tmp_path: Path) -> None:
    """The command ends with 1 and says which shard failed with what, and how to resume."""
    options = ["--idempotency-key", "broken", "--run-id", "broken"]
    job = {"run_id": "broken", "faults": [fault("exception", 1, 1, 2, 3, 4)]}
    server.ended(server.start(TASK, [job], idempotencyKey="broken")["id"])
    done = trigger(server, tmp_path, *options)
    assert done.returncode == 1
    assert "shard 1: TransientError: planned fault: exception" in done.stderr
    assert "run again with run_id broken" in done.stderr


def test_bad_rows_are_bad_input(server: Server, tmp_path: Path) -> None:
    """A malformed cell ends with 2, naming file, line, column and value."""
    data = copy_of_the_sample(tmp_path / "data")
    rows = (data / "billing.csv").read_text().splitlines(keepends=True)
    (data / "billing.csv").write_text("".join([rows[0], rows[1].replace(",", ",x", 3), *rows[2:]]))
    done = trigger(server, tmp_path, "--data", "data")
    assert done.returncode == 2
    assert re.search(r"billing\.csv line 2, column \w+: 'x", done.stderr)
    assert "Traceback" not in done.stderr


def test_a_wrong_data_folder_is_named_with_the_remedy(server: Server, tmp_path: Path) -> None:
    """The message has the folder, the files a folder must have, and where the setting counts."""
    done = trigger(server, tmp_path, "--data", "nowhere")
    assert done.returncode == 2
    assert f"crm.csv is missing in {tmp_path / 'nowhere'}" in done.stderr
    assert "SHARDWISE_DATA_URL" in done.stderr
    assert "Set variables where the worker runs" in done.stderr


def test_nothing_merged_is_no_success(server: Server, tmp_path: Path) -> None:
    """Sources with a header and no rows give zero profiles, exit code 2 and the remedy."""
    data = copy_of_the_sample(tmp_path / "data")
    for file in data.iterdir():
        file.write_text(file.read_text().splitlines()[0] + "\n")
    done = trigger(server, tmp_path, "--data", "data")
    assert done.returncode == 2
    assert "Merged 0 enriched profiles" in done.stdout
    assert "nothing to merge" in done.stderr
    assert "--data" in done.stderr


def copy_of_the_sample(folder: Path) -> Path:
    """The committed sources, to be changed."""
    folder.mkdir()
    for file in SAMPLE_DATA.glob("*.csv"):
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


CLOUD = {"RENDER_API_KEY": "rnd_x", "WORKFLOW_SLUG": "merge"}


@pytest.mark.parametrize(
    ("options", "settings", "message"),
    [
        ([], {}, "set RENDER_USE_LOCAL_DEV=true for a local server (`shardwise render-dev` starts one)"),
        ([], {"RENDER_USE_LOCAL_DEV": "yes"}, "RENDER_USE_LOCAL_DEV is 'yes', which does not count as yes"),
        ([], {"RENDER_API_KEY": "rnd_x"}, "WORKFLOW_SLUG is missing"),
        ([], {"WORKFLOW_SLUG": "merge"}, "RENDER_API_KEY is missing"),
        (["--data", "here"], CLOUD, "a folder of this machine, which Render's cloud cannot read"),
        (["--store", "file:///here"], CLOUD, "a folder of this machine, which Render's cloud cannot read"),
        (["--shards", "0"], CLOUD, "num_shards is 0; it must be a whole number from 1 to 10,000"),
        (["--run-id", "../up"], CLOUD, "run_id is '../up'"),
        (["--max-rejects", "few"], CLOUD, "max_rejects is 'few'"),
        (["--follow", "trn-1", "--shards", "2"], CLOUD, "--follow trn-1 starts no run"),
        (["--follow", "trn-1", "--idempotency-key", "x"], CLOUD, "--follow trn-1 starts no run"),
    ],
)
def test_a_start_that_cannot_work_is_refused_with_the_remedy(
    tmp_path: Path, options: list[str], settings: dict[str, str], message: str
) -> None:
    """What is missing in the environment or wrong in the options ends with 2, before anything is asked of Render."""
    done = shardwise("trigger", *options, cwd=tmp_path, **settings)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stdout == ""


def test_no_server_is_reported_with_the_command_that_starts_one(tmp_path: Path) -> None:
    """A local server that does not run ends with 1, its address and the remedy."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    done = shardwise("trigger", cwd=tmp_path, RENDER_LOCAL_DEV_URL=f"http://127.0.0.1:{port}")
    assert done.returncode == 1
    assert done.stderr.startswith(f"shardwise: no Render server answers at http://127.0.0.1:{port}; start one with")
    assert "`shardwise render-dev`" in done.stderr


def test_a_server_of_other_tasks_is_told_from_ours(tmp_path: Path) -> None:
    """A task that is not there ends with 2, with those that are."""
    (tmp_path / "other.py").write_text(ODD_APP.replace("merge_customer_data", "other_task"))
    with ours((sys.executable, "other.py"), tmp_path, env={"ODD": ""}) as server:
        done = trigger(server, tmp_path)
    assert done.returncode == 2
    assert "has no task merge_customer_data, only other_task" in done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "answered ['hello'], which is not a result of a run"),
        (["--shards", "7"], "does not accept these arguments"),
    ],
)
def test_another_app_behind_our_name_is_noticed(tmp_path: Path, options: list[str], message: str) -> None:
    """A task that takes other arguments, or answers with something else, ends with 2 and asks whose app it is."""
    with odd_server(tmp_path, "other") as server:
        done = trigger(server, tmp_path, *options)
    assert done.returncode == 2
    assert message in done.stderr
    assert "does the server run another app" in done.stderr
