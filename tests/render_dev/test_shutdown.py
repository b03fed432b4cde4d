"""The end of a server, orderly or not: row 74 of CONFORMANCE.md, and what a crash leaves behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import httpx
import psutil
import pytest

from flows.render_dev.child import ROOT, ServerFailedError, ServerProcess, local_server
from tests.render_dev.serving import APPS, FORKED, PLAIN, Server, alive, descendants, environment, ours
from tests.render_dev.test_cancel import pid_in
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

pytestmark = pytest.mark.servers

WRAPPED = ("sh", "-c", f"{sys.executable} -m tasks; exit $?")
SERVED = [[*FORKED, "tasks:app"], [*PLAIN, "tasks:app"], list(WRAPPED)]
commands = pytest.mark.parametrize("command", SERVED, ids=["fork", "plain", "shell"])


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder for a server's sockets."""
    return tmp_path_factory.mktemp("s")


@pytest.fixture
def launched(folder: Path, request: pytest.FixtureRequest) -> Iterator[tuple[ServerProcess, Server]]:
    """Start a server that a test may end as it likes."""
    process = ServerProcess(["--port", "0", "--", *request.param], environment({"TMPDIR": str(folder)}), APPS)
    server = Server(process.wait_ready(60), process.process.pid)
    with server.http:
        yield process, server
    process.stop()


def everything(server: Server, mark: Path) -> list[psutil.Process]:
    """Start tasks that do not end, and list all processes that hang on the server, itself included."""
    server.start("nap", [600, str(mark)])
    server.start("breed", [str(mark.with_suffix(".child"))])
    found = [psutil.Process(pid_in(mark)), psutil.Process(pid_in(mark.with_suffix(".child")))]
    return [*found, *descendants(server.pid), psutil.Process(server.pid)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("launched", SERVED, ids=["fork", "plain", "shell"], indirect=True)
def test_orderly_end(
    launched: tuple[ServerProcess, Server], number: signal.Signals, folder: Path, tmp_path: Path
) -> None:
    """Row 74: a signal ends the server with code 0, its workers with all they started, and its folder of sockets."""
    process, server = launched
    family = everything(server, tmp_path / "mark")
    assert [path.stat().st_mode & 0o777 for path in folder.iterdir()] == [0o700]
    process.process.send_signal(number)
    assert process.process.wait(10) == 0
    wait_until(lambda: not any(alive(each) for each in family), timeout=5, what="the end of every process")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("launched", SERVED, ids=["fork", "plain", "shell"], indirect=True)
def test_killed_server(launched: tuple[ServerProcess, Server], folder: Path, tmp_path: Path) -> None:
    """A server killed with -9 leaves no process and no folder either."""
    process, server = launched
    family = everything(server, tmp_path / "mark")
    process.process.kill()
    wait_until(lambda: not any(alive(each) for each in family), timeout=5, what="the end of every process")
    wait_until(lambda: list(folder.iterdir()) == [], timeout=5, what="the removal of the folder")


@pytest.mark.parametrize("launched", SERVED[:1], ids=["fork"], indirect=True)
def test_killed_with_its_fork_server(launched: tuple[ServerProcess, Server], folder: Path) -> None:
    """Where nobody is left to remove the folder, the next server does."""
    process, server = launched
    process.process.send_signal(signal.SIGSTOP)  # it starts no other fork server
    for child in descendants(server.pid):
        child.kill()
    process.process.kill()
    process.process.wait()
    [left] = folder.iterdir()
    following = ServerProcess(["--port", "0", "--", *FORKED, "tasks:app"], environment({"TMPDIR": str(folder)}), APPS)
    following.wait_ready(60)
    assert not left.exists()
    following.stop()
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["SIGTERM", "SIGKILL"])
def test_end_during_an_import(tmp_path: Path, folder: Path, number: signal.Signals) -> None:
    """A server can be ended while the app hangs in its import, and leaves nothing behind."""
    mark = tmp_path / "mark"
    (tmp_path / "slow.py").write_text(
        f"import os, time\nopen({str(mark)!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)\n"
    )
    process = ServerProcess(["--port", "0", "--", *FORKED, "slow:app"], environment({"TMPDIR": str(folder)}), tmp_path)
    importing = pid_in(mark)
    process.process.send_signal(number)
    process.process.wait(10)
    wait_until(lambda: not alive(importing), timeout=5, what="the end of the importing process")
    wait_until(lambda: list(folder.iterdir()) == [], timeout=5, what="the removal of the folder")
    process.stop()


@pytest.mark.parametrize("launched", SERVED[:2], ids=["fork", "plain"], indirect=True)
def test_killed_launcher(launched: tuple[ServerProcess, Server], tmp_path: Path) -> None:
    """When the parent of the workers is killed, their attempts fail as killed, and the server starts another one."""
    _, server = launched
    mark = tmp_path / "mark"
    run = server.start("nap", [600, str(mark)])
    worker = pid_in(mark)
    [launcher] = psutil.Process(server.pid).children()
    launcher.kill()
    assert server.ended(run["id"])["error"].endswith(": signal: killed")
    wait_until(lambda: not alive(worker), timeout=5, what="the end of the worker")
    assert server.value("give", [1]) == 1


def test_server_ends_with_its_parent(tmp_path: Path, folder: Path) -> None:
    """A server started by `local_server` ends when the program that started it is killed."""
    script = textwrap.dedent(f"""
        import sys, time
        sys.path.insert(0, {ROOT!r})
        from flows.render_dev.child import local_server
        with local_server({SERVED[0]!r}) as url:
            print(url, flush=True)
            time.sleep(600)
    """)
    parent = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        text=True,
        cwd=APPS,
        env=environment({"TMPDIR": str(folder)}),
    )
    assert parent.stdout is not None
    with parent, parent.stdout as stdout:
        server = Server(stdout.readline().strip(), parent.pid)
        family = everything(server, tmp_path / "mark")
        server.http.close()
        parent.kill()
    wait_until(lambda: not any(alive(each) for each in family), timeout=10, what="the end of every process")
    assert list(folder.iterdir()) == []


def test_local_server() -> None:
    """`local_server` serves like the cloud while its block runs, and stops afterwards."""
    with local_server(SERVED[0], env=environment(), cwd=APPS) as url:
        server = Server(url, os.getpid())
        with server.http:
            assert server.value("give", [1]) == 1
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False)


def test_local_server_explains_a_failed_start(tmp_path: Path) -> None:
    """`local_server` raises the server's output when it cannot start."""
    with (
        pytest.raises(ServerFailedError, match="before registering tasks: exit status 1"),
        local_server([*FORKED, "nope:app"], env=environment(), cwd=tmp_path),
    ):
        pass


@commands
def test_workers_do_not_share_the_servers_group(command: Sequence[str]) -> None:
    """Row 55: each worker has its own process group, so that killing it spares all others."""
    with ours(command) as server:
        facts = [server.value("look") for _ in range(2)]
        assert facts[0]["pgid"] != facts[1]["pgid"]
        assert os.getpgid(server.pid) not in {each["pgid"] for each in facts}
