"""What the server that forks workers has imported: at first what staging needs, and soon all."""

from __future__ import annotations

import subprocess
import sys

from tests.prefect_server import ROOT

WATCHED = ("duckdb", "pandas", "shared.customers.shard")
SEEN = f"[name for name in {WATCHED} if name in __import__('sys').modules]"
SCRIPT = f"""
from shared.isolation.worker import Worker
from tests.waiting import wait_until

def imported():
    worker = Worker()
    error, found = worker.ask(60, eval, {SEEN!r})
    worker.stop()
    return found

print(*imported())
print(*wait_until(lambda: found if len(found := imported()) > 1 else [], timeout=60, what="the rest"))
"""


def test_the_first_worker_starts_before_all_is_imported() -> None:
    """It stages; those that come later find pandas and all else that a shard needs."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=True)
    first, later = done.stdout.splitlines()
    assert first.split() == ["duckdb"]
    assert later.split() == list(WATCHED)


def test_workers_fork_without_an_alarm() -> None:
    """What a pipeline forks in a worker sets none: only the server imports the rest."""
    forks = "[__import__('os')._exit(0) if not (pid := __import__('os').fork()) else __import__('os').waitpid(pid, 0)]"
    armed = f"{forks} and __import__('signal').getitimer(0)[0]"
    script = f"from shared.isolation.worker import Worker; print(Worker().ask(60, eval, {armed!r})[1])"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0.0"


def test_a_server_started_ahead_forks_the_workers() -> None:
    """It starts before its process imports the steps, and nobody starts another."""
    script = """
import os, sys
from multiprocessing.forkserver import _forkserver
from shared.isolation.server import start_server

start_server()
server, late = _forkserver._forkserver_pid, "shared.run.steps" in sys.modules
from shared.isolation.worker import Worker

print(late, Worker().ask(60, os.getppid)[1] == server)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
