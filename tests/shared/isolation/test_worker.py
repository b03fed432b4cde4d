"""One warm process: what it answers, and that every end of it is seen by who asked."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from shared.isolation.worker import DiedError, Worker
from shared.run.errors import TerminalError, TransientError
from shared.run.log import OURS
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection

ROOT = Path(__file__).resolve().parents[3]
LONG = 60.0  # seconds, longer than any of these tests
PARENT = """
import sys, time
from shared.isolation.worker import Worker
worker = Worker()
print(worker.pid, flush=True)
worker.ask(600, time.sleep, 600)
"""


@pytest.fixture(params=["linux", "darwin"], ids=["forked", "spawned as on macOS"])
def worker(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    """A worker, gone afterwards."""
    monkeypatch.setattr("shared.isolation.server.sys.platform", request.param)
    worker = Worker()
    yield worker
    worker.stop()


def test_it_answers_again_and_again(worker: Worker) -> None:
    """The same process answers one call after another, with what was returned or raised."""
    assert [worker.ask(LONG, os.getpid) for _ in range(2)] == [(None, worker.pid)] * 2
    error, _ = worker.ask(LONG, int, "x")
    assert isinstance(error, ValueError)
    assert worker.ask(LONG, int, "7") == (None, 7)


def test_it_has_the_environment_of_who_started_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the server that forks it has run for long: what a pipeline is allowed is read there."""
    Worker().stop()
    monkeypatch.setenv("SHARDWISE_PIPELINES", "a.later:pipeline")
    worker = Worker()
    assert worker.ask(LONG, os.getenv, "SHARDWISE_PIPELINES") == (None, "a.later:pipeline")
    worker.stop()


@pytest.mark.parametrize(
    ("end", "status", "said"),
    [(signal.raise_signal, signal.SIGKILL, "killed by signal 9"), (os._exit, 0, "gone with exit status 0")],
)
def test_every_end_is_seen(worker: Worker, end: Callable[[int], None], status: int, said: str) -> None:
    """A signal and an exit without an answer, status 0 included, are distinguished and reported at once."""
    with pytest.raises(DiedError, match=f"^{said}$"):
        worker.ask(LONG, end, status)
    assert not worker.alive


def log_and_leave(text: str) -> None:
    """Log in a child process too, whose lines go elsewhere, then end without an answer."""
    if os.fork() == 0:
        OURS.warning("from a child")
        os._exit(0)
    os.wait()
    OURS.info("not asked for")
    OURS.warning("%s %d", text, os.getpid())
    os._exit(0)


def test_what_it_logs_comes_before_its_end(worker: Worker, caplog: pytest.LogCaptureFixture) -> None:
    """Who asked logs it, down to the level of the logger that was given, also where no answer follows."""
    logger = logging.getLogger("tests.worker")
    with caplog.at_level("WARNING", logger.name), pytest.raises(DiedError):
        worker.ask(LONG, log_and_leave, "last words of", logger=logger)
    assert caplog.record_tuples == [(logger.name, logging.WARNING, f"last words of {worker.pid}")]


def test_silence_has_an_end(worker: Worker) -> None:
    """After the timeout, the caller gets an error and may end the worker."""
    with pytest.raises(TimeoutError, match=r"no answer within 0\.2 s"):
        worker.ask(0.2, time.sleep, LONG)
    worker.stop()
    assert not worker.alive


def test_ctrl_c_is_for_the_asker(worker: Worker) -> None:
    """SIGINT, which a terminal sends to all its processes, does not end a worker in the middle of a call."""
    assert worker.ask(LONG, signal.raise_signal, signal.SIGINT) == (None, None)
    assert worker.ask(LONG, os.getpid) == (None, worker.pid)


def test_what_cannot_leave_the_process_is_said(worker: Worker) -> None:
    """An answer that cannot be sent is an error worth retrying, and the worker continues."""
    error, _ = worker.ask(LONG, threading.Lock)
    assert isinstance(error, TransientError)
    assert "cannot leave its process" in str(error)
    assert worker.ask(LONG, int, "7") == (None, 7)


class WrongArgumentsError(TerminalError):
    """Cannot be unpickled: that calls it with one argument."""

    def __init__(self, name: str, wanted: str) -> None:
        super().__init__(f"{name} is not a {wanted}")


class ChangingError(Exception):
    """Says something else after each journey."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no {name}")


def fail(kind: type[Exception], *arguments: str) -> None:
    """Raise an error with a cause."""
    try:
        int("x")
    except ValueError as error:
        raise kind(*arguments) from error


def test_an_error_says_where_it_was_raised(worker: Worker) -> None:
    """Its traceback in the worker, with its causes, comes along as a note; its type and text are its own."""
    error, _ = worker.ask(LONG, fail, TransientError, "no luck")
    assert (type(error), str(error)) == (TransientError, "no luck")
    assert error is not None
    (note,) = error.__notes__
    assert note.startswith(f"In process {worker.pid}:\nTraceback (most recent call last):\n")
    assert note.index("ValueError: invalid literal") < note.index("in fail\n    raise kind") < note.index(": no luck")


@pytest.mark.parametrize(
    ("kind", "arguments", "arrives", "text"),
    [
        (WrongArgumentsError, ("x", "day"), TerminalError, "WrongArgumentsError: x is not a day"),
        (ChangingError, ("day",), TransientError, "ChangingError: no day"),
    ],
)
def test_an_error_that_would_become_another(
    worker: Worker, kind: type[Exception], arguments: tuple[str, ...], arrives: type[Exception], text: str
) -> None:
    """One that pickle cannot carry unchanged arrives as our own, terminal if it was, with type, text and traceback."""
    error, _ = worker.ask(LONG, fail, kind, *arguments)
    assert (type(error), str(error)) == (arrives, text)
    assert error is not None
    assert "in fail\n    raise kind" in error.__notes__[0]
    assert worker.ask(LONG, int, "7") == (None, 7)


def test_it_dies_with_its_parent(tmp_path: Path) -> None:
    """A kill -9 of the process that asked ends the worker in the middle of its call."""
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        wait_until(lambda: psutil.pid_exists(pid), timeout=30, what="the worker")
        parent.kill()
    wait_until(lambda: not psutil.pid_exists(pid), timeout=30, what="the end of the worker")


def start_family(*, apart: bool = False) -> list[int]:
    """A child of ``multiprocessing`` that has started a process of its own; their ids."""
    ours, theirs = multiprocessing.Pipe()
    multiprocessing.Process(target=_start_sleeper, args=(theirs, apart)).start()
    found: list[int] = ours.recv()
    return found


def _start_sleeper(pipe: Connection, apart: bool) -> None:  # noqa: FBT001 — as Process calls it
    sleeper = subprocess.Popen(["sleep", "600"], start_new_session=apart)
    pipe.send([os.getpid(), sleeper.pid])
    if not apart:
        sleeper.wait()  # an orphan in its own session


def start_family_and(end: Callable[[int], None], argument: int, report: str) -> None:
    """Start one, write its ids down, and end or wait."""
    with Path(report).open("w") as file:
        file.write(" ".join(map(str, start_family())) + "\n")
    end(argument)


def reported(report: Path) -> list[int]:
    """The ids that were written down, once they were."""
    wait_until(lambda: report.exists() and report.read_text().endswith("\n"), timeout=30, what="the children")
    return list(map(int, report.read_text().split()))


def wait_for_end(pids: list[int]) -> None:
    """Wait until none of some processes is left."""
    wait_until(lambda: not any(map(_is_alive, pids)), timeout=30, what="the end of the children")


def _is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def squares(numbers: list[int]) -> list[int]:
    """By a pool of processes."""
    with multiprocessing.Pool(2) as processes:
        return processes.map(abs, numbers)


def test_a_call_may_use_multiprocessing(worker: Worker) -> None:
    """A pool of processes works; the worker has others for the next call where it left none."""
    assert [worker.ask(LONG, squares, [-1, -2]) for _ in range(2)] == [(None, [1, 2])] * 2


def test_what_a_call_starts_ends_with_it(worker: Worker) -> None:
    """Children and their children are ended with the answer, and so is the worker, which could have more."""
    error, pids = worker.ask(LONG, start_family)
    assert error is None
    assert not worker.alive
    wait_for_end(pids)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of descendants in sessions of their own")
def test_what_a_call_starts_in_another_session_ends_with_it() -> None:
    """Also where its parent has ended before."""
    worker = Worker()
    error, pids = worker.ask(LONG, partial(start_family, apart=True))
    assert error is None
    assert not any(map(_is_alive, pids))
    worker.stop()


@pytest.mark.parametrize("end", [os._exit, signal.raise_signal], ids=["exit", "kill -9"])
def test_what_a_call_starts_ends_with_its_worker(worker: Worker, tmp_path: Path, end: Callable[[int], None]) -> None:
    """However the worker dies."""
    with pytest.raises(DiedError):
        worker.ask(LONG, start_family_and, end, signal.SIGKILL, str(tmp_path / "report"))
    wait_for_end(reported(tmp_path / "report"))


def test_what_a_call_starts_ends_where_it_is_broken_off(worker: Worker, tmp_path: Path) -> None:
    """A worker that is stopped in the middle of a call takes along what it started."""
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(worker.ask, LONG, start_family_and, time.sleep, 600, str(tmp_path / "report"))
        pids = reported(tmp_path / "report")
        worker.kill()
        assert isinstance(call.exception(), DiedError)
    wait_for_end(pids)


def test_what_a_call_starts_ends_with_the_parent(tmp_path: Path) -> None:
    """A kill -9 of the process that asked ends the worker's children, too."""
    script, report = tmp_path / "parent.py", tmp_path / "report"
    script.write_text(f"""
import sys, time
sys.path.insert(0, {str(ROOT)!r})
from shared.isolation.worker import Worker
from tests.shared.isolation.test_worker import start_family_and
Worker().ask(600, start_family_and, time.sleep, 600, {str(report)!r})
""")
    with subprocess.Popen([sys.executable, str(script)]) as parent:
        pids = reported(report)
        parent.kill()
    wait_for_end(pids)
