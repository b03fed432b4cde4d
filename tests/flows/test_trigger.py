"""``shardwise trigger``: its two lines, what it sends, what it says when something is wrong, how it stops waiting."""

from __future__ import annotations

import json
import os
import re
import select
import shlex
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from shared.settings import SAMPLE_DATA
from tests.command import SHARDWISE, environment, shardwise
from tests.flows.merging import TASK, fault, merging_server
from tests.flows.test_cli import GOLDEN_DIGEST
from tests.render_dev.serving import ours
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.render_dev.serving import Server

JSON = dict[str, Any]

# Answers to the name of our task, like apps that are not ours.
ODD_APP = '''
import os, time
from pathlib import Path
from render import Retry, Workflows
app = Workflows()

@app.task(name="merge_customer_data", retry=Retry(1, 300))
def merge(ctx):
    """Fails once, then takes its time, or answers as it is told."""
    if os.environ["ODD"] == "flaky" and not Path("failed").exists():
        Path("failed").touch()
        raise RuntimeError("not yet")
    if os.environ["ODD"] == "slow":
        Path("working").touch()
        time.sleep(300)
    return {"profiles_generated": 5, "shards_processed": 2} if os.environ["ODD"] == "flaky" else "hello"

if __name__ == "__main__":
    app.start()
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server of this file was started; its store is ``.shardwise`` there."""
    return tmp_path_factory.mktemp("trigger")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    """The local server with our app."""
    with merging_server(folder) as running:
        yield running


@contextmanager
def odd_server(folder: Path, odd: str) -> Iterator[Server]:
    """A server with a task of our name and another's behaviour."""
    (folder / "odd.py").write_text(ODD_APP)
    with ours((sys.executable, "odd.py"), folder, env={"ODD": odd}) as running:
        yield running


def trigger(server: Server, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the command against a server, in a folder."""
    return shardwise("trigger", *options, cwd=folder, RENDER_LOCAL_DEV_URL=server.url)


def started(output: str) -> str:
    """The id of the run that was started."""
    [run] = re.findall(r"^Run started: (trn-\w+)", output, re.MULTILINE)
    return str(run)


def test_it_prints_two_lines(server: Server, tmp_path: Path) -> None:
    """The run's id at once, what was merged at the end; nothing on stderr when no terminal watches."""
    done = trigger(server, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(
        r"Run started: trn-\w{20}\nMerged 1000 enriched profiles across 10 shards in \d+\.\ds\n", done.stdout
    )
    assert server.run(started(done.stdout))["input"] == []


def test_the_module_is_the_same_command(server: Server, tmp_path: Path) -> None:
    """``python -m flows.trigger`` prints the same."""
    done = subprocess.run(
        [sys.executable, "-m", "flows.trigger", "--shards", "1"],
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
        "max_rejects": "1%",
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
    """The command ends with 1 and says which shard failed with what, and how to go on."""
    options = ["--idempotency-key", "broken", "--run-id", "broken"]
    job = {"run_id": "broken", "faults": [fault("exception", 3, 1, 2, 3, 4)]}
    server.ended(server.start(TASK, [job], idempotencyKey="broken")["id"])
    done = trigger(server, tmp_path, *options)
    assert done.returncode == 1
    assert "shard 3: TransientError: planned fault: exception" in done.stderr
    assert "run again with --run-id broken" in done.stderr


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
    assert "Settings count where the worker runs" in done.stderr


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
    ("options", "settings", "said"),
    [
        ([], {}, "set RENDER_USE_LOCAL_DEV=true for a local server (`shardwise render-dev` starts one)"),
        ([], {"RENDER_USE_LOCAL_DEV": "yes"}, "RENDER_USE_LOCAL_DEV is 'yes', which is not taken for yes"),
        ([], {"RENDER_API_KEY": "rnd_x"}, "WORKFLOW_SLUG is missing"),
        ([], {"WORKFLOW_SLUG": "merge"}, "RENDER_API_KEY is missing"),
        (["--data", "here"], CLOUD, "a folder of this machine, which Render's cloud cannot read"),
        (["--store", "file:///here"], CLOUD, "a folder of this machine, which Render's cloud cannot read"),
        (["--shards", "0"], CLOUD, "num_shards is 0; it must be a whole number from 1 to 1,000"),
        (["--run-id", "../up"], CLOUD, "run_id is '../up'"),
        (["--max-rejects", "few"], CLOUD, "max_rejects is 'few'"),
    ],
)
def test_a_start_that_cannot_work_is_refused_with_the_remedy(
    tmp_path: Path, options: list[str], settings: dict[str, str], said: str
) -> None:
    """What is missing in the environment or wrong in the options ends with 2, before anything is asked of Render."""
    done = shardwise("trigger", *options, cwd=tmp_path, **settings)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""


def test_no_server_is_said_with_the_command_that_starts_one(tmp_path: Path) -> None:
    """A local server that does not run ends with 1, its address and the remedy."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    done = shardwise("trigger", cwd=tmp_path, RENDER_LOCAL_DEV_URL=f"http://127.0.0.1:{port}")
    assert done.returncode == 1
    assert done.stderr.startswith(f"shardwise: no Render server answers at http://127.0.0.1:{port}; start one by")
    assert "`shardwise render-dev`" in done.stderr


def test_a_server_of_other_tasks_is_told_from_ours(tmp_path: Path) -> None:
    """A task that is not there ends with 2, with those that are."""
    (tmp_path / "other.py").write_text(ODD_APP.replace("merge_customer_data", "other_task"))
    with ours((sys.executable, "other.py"), tmp_path, env={"ODD": ""}) as server:
        done = trigger(server, tmp_path)
    assert done.returncode == 2
    assert "has no task merge_customer_data, only other_task" in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [([], "answered ['hello'], which is no result of a merge"), (["--shards", "7"], "cannot be called like this")],
)
def test_another_app_behind_our_name_is_noticed(tmp_path: Path, options: list[str], said: str) -> None:
    """A task that takes other arguments, or answers with something else, ends with 2 and asks whose app it is."""
    with odd_server(tmp_path, "other") as server:
        done = trigger(server, tmp_path, *options)
    assert done.returncode == 2
    assert said in done.stderr
    assert "our app" in done.stderr


@pytest.fixture(scope="module")
def slow_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the slow server was started."""
    return tmp_path_factory.mktemp("slow")


@pytest.fixture(scope="module")
def slow_server(slow_folder: Path) -> Iterator[Server]:
    """A server whose task takes minutes."""
    with odd_server(slow_folder, "slow") as running:
        yield running


def test_it_does_not_wait_for_ever(slow_server: Server, tmp_path: Path) -> None:
    """After ``--timeout`` it ends with 1, the run goes on, and the command it prints cancels the run."""
    done = trigger(slow_server, tmp_path, "--timeout", "0.5")
    run = started(done.stdout)
    assert done.returncode == 1
    assert f"the run {run} has not ended after 0.5 s, and goes on" in done.stderr
    assert slow_server.run(run)["status"] == "running"
    [command] = re.findall(r"`(curl .+?)`", done.stderr)
    assert shlex.split(command) == ["curl", "-X", "DELETE", f"{slow_server.url}/v1/task-runs/{run}"]
    assert slow_server.http.delete(shlex.split(command)[-1]).status_code == 204


def test_a_canceled_run_is_no_success(slow_server: Server, tmp_path: Path) -> None:
    """A run that somebody cancels ends the command with 1."""
    with waiting(slow_server, tmp_path) as process:
        run = first_line(process)
        slow_server.cancel(run)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"the run {run} was canceled" in said


def test_ctrl_c_without_a_terminal_leaves_the_run_and_says_so(slow_server: Server, tmp_path: Path) -> None:
    """Nobody can be asked: it ends with 130 and the command that cancels."""
    with waiting(slow_server, tmp_path) as process:
        run = first_line(process)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said == (
        f"shardwise: the run {run} goes on without this command; "
        f"cancel it by `curl -X DELETE {slow_server.url}/v1/task-runs/{run}`\n"
    )
    assert slow_server.run(run)["status"] == "running"
    slow_server.cancel(run)


@pytest.mark.parametrize(("answer", "status"), [(b"y\n", "canceled"), (b"n\n", "running"), (None, "running")])
def test_ctrl_c_on_a_terminal_offers_to_cancel(
    slow_server: Server, tmp_path: Path, answer: bytes | None, status: str
) -> None:
    """The person decides; another Ctrl-C means no."""
    with terminal() as (person, screen), waiting(slow_server, tmp_path, stdin=screen, stderr=screen) as process:
        run = first_line(process)
        read_until(person, b"starting")
        process.send_signal(signal.SIGINT)
        read_until(person, b"Cancel the run, too?")
        if answer is None:
            process.send_signal(signal.SIGINT)
        else:
            os.write(person, answer)
        read_until(person, b"shardwise: ")
        assert process.wait(60) == 130
    assert slow_server.run(run)["status"] == status
    if status == "running":
        slow_server.cancel(run)


def test_a_terminal_shows_the_subtasks(server: Server, tmp_path: Path) -> None:
    """On a terminal a bar counts the subtasks by their state while the run goes on."""
    with terminal() as (person, screen), waiting(server, tmp_path, "--shards", "40", stderr=screen) as process:
        assert re.search(rb"\d+ (completed|running)", read_until(person, b"/41"))
        assert process.wait(60) == 0


@contextmanager
def terminal() -> Iterator[tuple[int, int]]:
    """A terminal: the person's end, and the end that a program takes for its own."""
    person, screen = os.openpty()
    try:
        yield person, screen
    finally:
        os.close(screen)
        os.close(person)


@contextmanager
def waiting(server: Server, folder: Path, *options: str, **streams: Any) -> Iterator[subprocess.Popen[str]]:
    """The command, while it waits for its run; in a session of its own, so that only it gets our signals."""
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams
    process = subprocess.Popen(
        [SHARDWISE, "trigger", *options],
        cwd=folder,
        env=environment(RENDER_LOCAL_DEV_URL=server.url, PYTHONUNBUFFERED="1"),
        text=True,
        start_new_session=True,
        **pipes,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def first_line(process: subprocess.Popen[str]) -> str:
    """Wait for the line that has the run's id, and return the id."""
    assert process.stdout is not None
    return started(process.stdout.readline())


def read_until(terminal: int, wanted: bytes) -> bytes:
    """Read what a terminal shows until it has shown what is wanted."""
    seen = b""

    def shows() -> bool:
        nonlocal seen
        if select.select([terminal], [], [], 0)[0]:
            seen += os.read(terminal, 4096)
        return wanted in seen

    wait_until(shows, timeout=30, what=f"{wanted!r} on the terminal")
    return seen
