"""The installed Python still runs the main module again where we keep it from that."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

# A main module without a guard, as a notebook or a server is: it says so whenever it runs.
MAIN = """
import multiprocessing, os, sys
print("main", flush=True)
if os.environ.get("PARENT"):
    sys.exit()
os.environ["PARENT"] = "1"
{start}
"""
PLAIN = """
process = multiprocessing.get_context({method!r}).Process(target=print, args=("child",))
process.start()
process.join()
"""
OURS = """
sys.platform = {platform!r}
from shared.isolation.worker import Worker
print(Worker().ask(60, abs, -7)[1])
"""


def said(tmp_path: Path, start: str) -> list[str]:
    """What a main module printed, with a way to start a process at its end."""
    script = tmp_path / "main.py"
    script.write_text(MAIN.format(start=start))
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.split()


@pytest.mark.parametrize("method", ["forkserver", "spawn"])
def test_python_runs_it_again(tmp_path: Path, method: str) -> None:
    """By itself, multiprocessing runs the main module in a new process. When it no longer does, ours can go."""
    assert said(tmp_path, PLAIN.format(method=method)) == ["main", "main"]


def test_a_forked_worker_does_not(tmp_path: Path) -> None:
    """A worker answers without its parent's main module."""
    assert said(tmp_path, OURS.format(platform=sys.platform)) == ["main", "7"]
