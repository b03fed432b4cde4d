"""Start-up and registration: rows 1 to 10 of CONFORMANCE.md."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from flows.render_dev.child import ServerFailedError, ServerProcess
from tests.render_dev.serving import APPS, FORKED, PLAIN, Server, alive, environment, ours
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.servers

APP = """
from render import Workflows
app = Workflows()
@app.task
def first(ctx): return 1
"""
SECOND = """
@app.task
def second(ctx): return 2
"""
FAN_OUT = """
import asyncio
from render import Workflows
app = Workflows()
@app.task
def part(ctx, number, text): return number
@app.task
async def root(ctx): return [list(await asyncio.gather(*(ctx.run(part, n, "x" * 5000) for n in range(3))))]
"""
modes = pytest.mark.parametrize("command", [FORKED, PLAIN], ids=["fork", "plain"])


def refusal(tmp_path: Path, *arguments: str) -> str:
    """Start a server that cannot start, and return its output; its exit code must be 1."""
    process = ServerProcess(list(arguments), environment(), tmp_path)
    with pytest.raises(ServerFailedError) as caught:
        process.wait_ready(60)
    assert process.process.returncode == 1
    return str(caught.value)


@pytest.mark.skipif("RENDER_CLI" in os.environ, reason="the official server is tested as well")
def test_official_server() -> None:
    """All rows: the tests that take a `server` or a `scripted` one run against the official server, too."""
    pytest.skip("RENDER_CLI does not name an official render binary, so only our server is tested")


def test_listens_on_loopback_only(server: Server) -> None:
    """Row 1: the port is open on 127.0.0.1 and nowhere else."""
    listening = [
        each for each in psutil.Process(server.pid).net_connections("tcp") if each.status == psutil.CONN_LISTEN
    ]
    assert {each.laddr.ip for each in listening} == {"127.0.0.1"}


def test_busy_port_is_named(server: Server, tmp_path: Path) -> None:
    """Row 1: a second server on the same port ends with an error that names it."""
    if server.official:
        pytest.skip("starts one of ours")
    port = server.url.rpartition(":")[2]
    assert f"port {port} is already in use" in refusal(tmp_path, "--port", port, "--", *FORKED, "tasks:app")


@pytest.mark.parametrize("command", ["no-such-program", "python main.py"])
def test_missing_program_ends_the_start(tmp_path: Path, command: str) -> None:
    """Row 2: a command is a program and its words, and a program that is not there is named."""
    message = refusal(tmp_path, "--port", "0", "--", command)
    assert f'failed to load tasks: exec: "{command}": executable file not found in $PATH' in message


def test_worker_environment(server: Server) -> None:
    """Row 3: a worker gets the server's environment and two variables of the SDK, which win over inherited ones."""
    env = server.value("look")["env"]
    inherited = psutil.Process(server.pid).environ()
    assert env["RENDER_SDK_MODE"] == "run"
    assert env["INHERITED"] == "yes"
    assert {name for name in env if inherited.get(name) != env[name]} <= {
        "RENDER_SDK_MODE",
        "RENDER_SDK_SOCKET_PATH",
        "_",
    }
    assert "RENDER_SDK_SOCKET_PATH" in env
    assert "RENDER_USE_LOCAL_DEV" not in env


def test_worker_sees_its_environment_in_c_too(server: Server) -> None:
    """Row 3: programs that a task starts inherit the two variables as well."""
    assert server.value("env_of_child")["mode"] == "run"


def test_registration_is_answered_empty(scripted: Server) -> None:
    """Row 4: a registering worker reads an empty input, and gets an empty 200 for its tasks."""
    if scripted.official:
        pytest.skip("the official server kills the worker before it can read the answer")
    env = psutil.Process(scripted.pid).environ()
    report = Path(env["SCRIPTED_FOLDER"], "register.json")
    wait_until(report.exists, timeout=30, what="the registration's report")
    [empty, answer] = json.loads(report.read_text())
    assert json.loads(empty["body"]) == {"input": None, "task_name": ""}
    assert answer == {"status": 200, "body": "", "type": None}


def test_lists_registered_tasks(server: Server) -> None:
    """Rows 5 and 6: tasks are listed by id, and keep id and creation time from one listing to the next."""
    listed = server.http.get("/tasks").json()
    assert {"give", "flaky", "fan_out"} <= {each["task"]["name"] for each in listed}
    assert all(each["cursor"] == each["task"]["id"] for each in listed)
    assert all(set(each["task"]) == {"id", "name", "createdAt"} for each in listed)
    assert all(re.fullmatch(r"tsk-[0-9a-v]{20}", each["cursor"]) for each in listed)
    assert listed == sorted(listed, key=lambda each: str(each["cursor"]))
    assert server.http.get("/tasks").json() == listed


def test_start_prints_port_and_tasks() -> None:
    """Row 5: the start prints the real port, then the tasks as a list."""
    with ours([*FORKED, "tasks:app"]) as server:
        wait_until(lambda: "  - give\n" in server.lines, timeout=10, what="the list of tasks")
        text = "".join(server.lines)
    assert f"on port {server.url.rpartition(':')[2]}\n" in text
    assert re.search(r"^\d+ tasks found in .*tasks:app$", text, re.MULTILINE)


@modes
def test_code_changes_are_picked_up(tmp_path: Path, command: Sequence[str]) -> None:
    """Row 7: a task added or removed shows at the next listing and start, and edited code runs, without a restart."""
    module = tmp_path / "edited.py"
    module.write_text(APP)
    with ours([*command, "edited:app"], tmp_path) as server:
        [before] = server.tasks()
        module.write_text(APP + SECOND)
        assert server.value("second") == 2
        assert [task["name"] for task in server.tasks()] == ["first", "second"]
        assert server.tasks()[0] == before
        module.write_text(APP.replace("return 1", "return 'edited'"))
        assert [task["name"] for task in server.tasks()] == ["first"]
        assert server.value("first") == "edited"


@modes
def test_changes_of_imported_modules_are_picked_up(tmp_path: Path, command: Sequence[str]) -> None:
    """Row 7: the app's own modules count, not only the one that is named."""
    (tmp_path / "helper.py").write_text("VALUE = 'old'\n")
    (tmp_path / "using.py").write_text("import helper\n" + APP.replace("return 1", "return helper.VALUE"))
    with ours([*command, "using:app"], tmp_path) as server:
        assert server.value("first") == "old"
        (tmp_path / "helper.py").write_text("VALUE = 'newer'\n")
        assert server.value("first") == "newer"


def test_running_tasks_survive_a_code_change(tmp_path: Path) -> None:
    """Row 7: a run that started before an edit ends with the code it started with."""
    module, mark = tmp_path / "edited.py", tmp_path / "mark"
    module.write_text(
        f"import pathlib, time\n{APP}".replace("return 1", f"open({str(mark)!r}, 'w'); time.sleep(1); return 1")
    )
    with ours([*FORKED, "edited:app"], tmp_path) as server:
        slow = server.start("first")
        wait_until(mark.exists, timeout=30, what="the slow task's start")
        module.write_text(APP.replace("return 1", "return 'edited'"))
        assert server.value("first") == "edited"
        assert server.ended(slow["id"])["results"] == [1]


@pytest.mark.parametrize(("code", "suffix"), [("sys.exit(3)", ": exit status 3"), ("os._exit(0)", "")])
@modes
def test_broken_registration_is_an_error(tmp_path: Path, command: Sequence[str], code: str, suffix: str) -> None:
    """Row 8: an app that ends before registering makes listing and starting answer 500, until repaired."""
    module = tmp_path / "broken.py"
    module.write_text(APP)
    with ours([*command, "broken:app"], tmp_path) as server:
        module.write_text(f"import os, sys\n{code}\n")
        for answer in (server.http.get("/tasks"), server.http.post("/task-runs", json={"task": "first", "input": []})):
            assert answer.status_code == 500
            lines = answer.json()["message"].splitlines()
            assert lines == [
                f"start command exited before registering tasks{suffix}",
                "Run with --debug to see process output",
            ]
        module.write_text(APP)
        assert server.value("first") == 1


def test_start_fails_with_the_status_of_the_app(tmp_path: Path) -> None:
    """Row 8: an app that ends at the first registration ends the server, too."""
    (tmp_path / "broken.py").write_text("raise SystemExit(3)\n")
    message = refusal(tmp_path, "--port", "0", "--", *FORKED, "broken:app")
    assert "failed to load tasks: start command exited before registering tasks: exit status 3" in message


def test_env_files(tmp_path: Path) -> None:
    """Row 9: `.env` overrides the shell; named files replace it, later ones win, and a missing one ends the start."""
    (tmp_path / ".env").write_text("COLOUR=dotenv\nRENDER_SDK_MODE=bait\n")
    (tmp_path / "one").write_text("COLOUR=one\nSHAPE=one\n")
    (tmp_path / "two").write_text("SHAPE=two\n")
    (tmp_path / "tasks.py").write_text((APPS / "tasks.py").read_text())
    with ours([*FORKED, "tasks:app"], tmp_path, env={"COLOUR": "shell"}) as server:
        assert server.value("look")["env"]["COLOUR"] == "dotenv"
    with ours([*FORKED, "tasks:app"], tmp_path, "--env-file", "one", "--env-file", "two") as server:
        env = server.value("look")["env"]
        assert (env["COLOUR"], env["SHAPE"]) == ("one", "two")
    assert "env file not found: three" in refusal(
        tmp_path, "--port", "0", "--env-file", "three", "--", *FORKED, "tasks:app"
    )


def test_worker_stdin_and_folder(server: Server) -> None:
    """Row 10: a worker reads nothing from stdin and works in the server's folder."""
    facts = server.value("look")
    assert facts["stdin"] == ""
    assert facts["cwd"] == psutil.Process(server.pid).cwd()


def test_each_attempt_is_a_process_of_its_own(server: Server) -> None:
    """Row 3: two runs never share a process, and the process is gone after its run."""
    pids = [server.value("look")["pid"] for _ in range(3)]
    assert len(set(pids)) == 3
    wait_until(lambda: not any(alive(pid) for pid in pids), timeout=5, what="the end of the workers")


@pytest.mark.parametrize("words", [["-m", "tasks"], ["tasks.py"]], ids=["module", "file"])
@pytest.mark.parametrize("program", [[sys.executable], ["/usr/bin/env", sys.executable]], ids=["fork", "plain"])
def test_main_modules_can_be_served(program: Sequence[str], words: Sequence[str]) -> None:
    """Row 2: `python -m M` and `python F.py`, which call `app.start()` themselves, serve the same tasks."""
    with ours([*program, *words]) as server:
        assert server.value("fan_out", ["give", [[1], [2]]])["values"] == [1, 2]
        assert server.value("main_name") == {"main": "tasks.py", "name": "__main__"}


def test_a_subtask_is_one_line(tmp_path: Path) -> None:
    """However large its input and its result are, the terminal shows a subtask once: when it has ended."""
    (tmp_path / "app.py").write_text(FAN_OUT)
    with ours([*FORKED, "app:app"], tmp_path) as server:
        root = server.finish("root")
        wait_until(lambda: any("Task Completed" in line for line in server.lines), timeout=10, what="the last line")
        lines = [line for line in server.lines if "Subtask" in line]
    assert root["results"] == [[0, 1, 2]]
    assert len(lines) == 3
    subtask = r"  ↳ Subtask \(parent: root\) completed: trn-\w+ \(part\)"
    for line in lines:
        assert re.fullmatch(rf'{subtask} input=\[\d, "x+\.\.\. output=\[\d\] duration=\S+s\n', line)
