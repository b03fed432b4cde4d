"""``make`` in a folder whose path has spaces, quotes and a dollar sign."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.command import environment
from tests.golden import GOLDEN_DIGEST
from tests.local_http import request
from tests.prefect_server import LOOPBACK, STARTED, free_port
from tests.terminal import CTRL_C, in_terminal
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[3]
COPIED = ("flows", "shared", "sample_data", "deployments")
FOLDER = 'it\'s a "fine" $HOME & place'
TARGETS = re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of this checkout with an environment of its own, which finds the libraries of this one."""
    root = tmp_path / FOLDER
    for name in COPIED:
        shutil.copytree(ROOT / name, root / name)
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy2(ROOT / name, root)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", root / ".venv"], check=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = root / ".venv/lib" / version / "site-packages"
    (packages / "1.pth").write_text(f"{root}\n")
    (packages / "2.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    (root / ".venv/run").touch()  # what make would install is there
    return root


@pytest.mark.servers
@pytest.mark.timeout(400)
def test_make_serve_in_a_terminal_then_make_run(checkout: Path) -> None:
    """A path with spaces, quotes and a dollar sign is one word of every command.

    ``make serve`` asks nothing, also where a profile could be made; one password is for server and worker. Ctrl-C ends
    all of it and leaves the terminal as it was; ``make run`` then has its own server.
    """
    port = free_port()
    with in_terminal(["make", "serve", f"PORT={port}"], checkout, PREFECT_API_AUTH_STRING="user:secret") as terminal:
        terminal.wait_for("started!", STARTED)
        assert request("POST", f"http://{LOOPBACK}:{port}/api/flows/filter", json={}).is_client_error
        assert f"its log is {checkout}/.prefect/server.log" in terminal.output()
        terminal.press(CTRL_C)
        wait_until(lambda: not terminal.processes(), timeout=60, what=f"the end of all; {terminal.output()}")
        assert terminal.is_as_before()
    assert "?" not in terminal.output()

    done = subprocess.run(["make", "run"], cwd=checkout, env=environment(), capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert GOLDEN_DIGEST in done.stdout
    assert (checkout / ".shardwise/runs").is_dir()


def test_no_target_writes_the_folder_into_a_command(tmp_path: Path) -> None:
    """No shell reads the path, and no program is started by a script that names its interpreter by it."""
    folder = tmp_path / FOLDER
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy2(ROOT / name, folder)

    own = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}}
    command = ["make", "--dry-run", *TARGETS]
    said = subprocess.run(command, cwd=folder, env=own, capture_output=True, text=True, check=True)

    assert len(TARGETS) > 7
    assert FOLDER not in said.stdout
    assert set(re.findall(r"\.venv/bin/(\S+)", said.stdout)) == {"python", "ruff"}  # ruff is not a script
