"""How ``shardwise trigger`` waits: its bar, its timeout, Ctrl-C with and without a terminal."""

from __future__ import annotations

import os
import re
import select
import shlex
import signal
import subprocess
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.command import SHARDWISE, environment
from tests.flows.merging import merging_server, odd_server, started, trigger
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.render_dev.serving import Server

pytestmark = pytest.mark.servers


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
    """After ``--timeout`` it ends with 1, the run is still running, and the command it prints cancels the run."""
    done = trigger(slow_server, tmp_path, "--timeout", "0.5")
    run = started(done.stdout)
    assert done.returncode == 1
    assert f"the run {run} has not ended after 0.5 s and is still running" in done.stderr
    assert slow_server.run(run)["status"] == "running"
    assert f"wait longer with `shardwise trigger --follow {run}`" in done.stderr
    [command] = re.findall(r"`(curl .+?)`", done.stderr)
    assert shlex.split(command) == ["curl", "-X", "DELETE", f"{slow_server.url}/v1/task-runs/{run}"]
    assert slow_server.http.delete(shlex.split(command)[-1]).status_code == 204


def test_a_canceled_run_is_no_success(slow_server: Server, tmp_path: Path) -> None:
    """If the run is cancelled elsewhere, the command ends with 1."""
    with waiting(slow_server, tmp_path) as process:
        run = first_line(process)
        slow_server.cancel(run)
        _, message = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"the run {run} was canceled" in message


def test_ctrl_c_without_a_terminal_leaves_the_run_and_says_so(slow_server: Server, tmp_path: Path) -> None:
    """Nobody can be asked: it ends with 130 and the command that cancels."""
    with waiting(slow_server, tmp_path) as process:
        run = first_line(process)
        process.send_signal(signal.SIGINT)
        _, message = process.communicate(timeout=60)
    assert process.returncode == 130
    assert message == (
        f"shardwise: the run {run} is still running; wait for it with `shardwise trigger --follow {run}`, or "
        f"cancel it with `curl -X DELETE {slow_server.url}/v1/task-runs/{run}`\n"
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


def test_ctrl_c_when_the_run_has_ended_meanwhile(slow_server: Server, tmp_path: Path) -> None:
    """A run that ends while the person is asked whether to cancel it is not called running, whatever the answer."""
    for answer in (b"y\n", b"n\n"):
        with terminal() as (person, screen), waiting(slow_server, tmp_path, stdin=screen, stderr=screen) as process:
            run = first_line(process)
            read_until(person, b"starting")
            process.send_signal(signal.SIGINT)
            read_until(person, b"Cancel the run, too?")
            slow_server.cancel(run)
            os.write(person, answer)
            said = read_until(person, b"shows how")
            assert process.wait(60) == 130
        assert f"the run {run} has ended: it is canceled; `shardwise trigger --follow {run}`".encode() in said


def test_an_ended_run_is_followed(tmp_path: Path) -> None:
    """Its result is there at once, with the time that the run took, not the time of the look at it."""
    with merging_server(tmp_path) as server:
        run = started(trigger(server, tmp_path).stdout)
        details = server.run(run)
        followed = trigger(server, tmp_path, "--follow", run)
    took = datetime.fromisoformat(details["completedAt"]) - datetime.fromisoformat(details["startedAt"])
    assert followed.stdout == (
        f"Run followed: {run}\nMerged 1000 enriched profiles across 10 shards in {took.total_seconds():.1f}s\n"
    )


def test_a_terminal_shows_the_subtasks(tmp_path: Path) -> None:
    """On a terminal a bar counts the subtasks by their state while it runs."""
    with (
        merging_server(tmp_path) as server,
        terminal() as (person, screen),
        waiting(server, tmp_path, stderr=screen) as process,
    ):
        assert re.search(rb"\d+ (completed|running)", read_until(person, b"/11"))
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
