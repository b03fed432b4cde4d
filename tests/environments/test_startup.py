"""Where a command cannot even begin: one message, no traceback."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.command import SHARDWISE, environment, shardwise
from tests.golden import GOLDEN_DIGEST

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("engine", ["local", "render"])
def test_a_long_folder_for_temporary_files(tmp_path: Path, engine: str) -> None:
    """Paths of sockets have a limit of about a hundred characters; a folder of 200 is no reason to fail."""
    long = tmp_path / ("temporary-" * 20)
    long.mkdir()
    done = shardwise("run", "--engine", engine, cwd=tmp_path, TMPDIR=str(long))
    assert done.returncode == 0, done.stderr
    assert GOLDEN_DIGEST in done.stdout
    assert list(long.iterdir()) == []


@pytest.mark.parametrize("arguments", [["run", "--engine", "local"], ["run"], ["runs"], ["render-dev", "--port", "0"]])
def test_a_deleted_folder(tmp_path: Path, arguments: list[str]) -> None:
    """The current folder may be gone, as after a checkout of another branch."""
    script = 'mkdir gone && cd gone && rmdir ../gone && exec "$@"'
    command = ["bash", "-c", script, "bash", SHARDWISE, *arguments]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "shardwise: the current folder has been deleted; change to one that exists\n"


def test_the_module_is_the_command(tmp_path: Path) -> None:
    """``python -m flows`` does what ``shardwise`` does."""
    command = [sys.executable, "-m", "flows", "runs"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, f"{tmp_path}/.shardwise has no runs\n")


def test_no_temporary_server_is_announced_where_none_is_allowed(tmp_path: Path) -> None:
    """Without a server's address, and without leave to start one, that is the message, and the only one."""
    done = shardwise("run", cwd=tmp_path, PREFECT_HOME=str(tmp_path), PREFECT_SERVER_ALLOW_EPHEMERAL_MODE="false")
    assert done.returncode == 2
    assert done.stderr.startswith("shardwise: Prefect's settings name no server: set PREFECT_API_URL, such as ")
    assert done.stderr.endswith("a temporary one is not allowed (PREFECT_SERVER_ALLOW_EPHEMERAL_MODE is false)\n")
    assert len(done.stderr.splitlines()) == 1
