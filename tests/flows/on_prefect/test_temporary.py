"""The server that a run brings: it ends with the run, however that ends, and says why it does not start."""

from __future__ import annotations

import signal
import subprocess
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.command import SHARDWISE, environment, shardwise
from tests.prefect_server import reap
from tests.processes import processes_with
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.servers

SAID = "shardwise: "


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL], ids=lambda stop: stop.name)
def test_it_ends_with_its_command(tmp_path: Path, stop: signal.Signals) -> None:
    """A cancelled job of a CI, a closed terminal or a kill -9 leave no server."""
    if signal.getsignal(stop) is signal.SIG_IGN:
        pytest.skip("these tests run under nohup, and so does what they start")
    env = environment(PREFECT_HOME=str(tmp_path / "home"))
    command = subprocess.Popen([SHARDWISE, "run"], cwd=tmp_path, env=env, start_new_session=True)
    try:
        wait_until(lambda: any(map(_is_server, _family(tmp_path))), timeout=60, what="the server")
        command.send_signal(stop)
        command.wait(60)
        wait_until(lambda: not _family(tmp_path), timeout=30, what="the end of the server")
    finally:
        reap(command)
    assert command.returncode == (-stop if stop == signal.SIGKILL else 128 + stop)


def test_a_home_that_cannot_be_written(tmp_path: Path) -> None:
    """It is named before anything is started."""
    (tmp_path / "file").touch()
    home = tmp_path / "file" / "home"
    done = shardwise("run", cwd=tmp_path, PREFECT_HOME=str(home))
    assert done.returncode == 2
    assert done.stderr.endswith(
        f"{SAID}Prefect keeps its files in {home}, which cannot be written (Not a directory); "
        "set PREFECT_HOME to a folder that you can write\n"
    )


def test_a_server_that_does_not_start(tmp_path: Path) -> None:
    """The last lines of its output are shown, as soon as it has ended."""
    database = f"sqlite+aiosqlite:///{tmp_path}/nowhere/prefect.db"
    settings = {"PREFECT_HOME": str(tmp_path), "PREFECT_SERVER_DATABASE_CONNECTION_URL": database}
    done = shardwise("run", cwd=tmp_path, **settings)
    assert done.returncode == 1
    message = done.stderr.partition(SAID)[2]
    assert message.startswith("Prefect's server ended with exit status 3; the last lines of its output:\n")
    assert "unable to open database file" in message


def _family(folder: Path) -> list[int]:
    return processes_with("PREFECT_HOME", folder / "home")


def _is_server(pid: int) -> bool:
    try:
        return "server" in psutil.Process(pid).cmdline()
    except psutil.NoSuchProcess:
        return False
