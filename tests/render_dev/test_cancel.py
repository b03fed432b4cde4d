"""Cancellation: rows 52 to 56 of CONFORMANCE.md."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.render_dev.serving import APPS, Server, alive, ours
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

pytestmark = pytest.mark.servers


def pid_in(mark: Path) -> int:
    """Wait for a task to write its pid."""
    return int(wait_until(lambda: mark.exists() and mark.read_text(), timeout=20, what=f"a pid in {mark.name}"))


def gone(pids: Sequence[int]) -> bool:
    """Say whether none of the processes lives."""
    return not any(alive(pid) for pid in pids)


def test_cancel_takes_the_whole_tree(server: Server, tmp_path: Path) -> None:
    """Rows 52 and 56: a canceled root and its subtasks stay canceled, and their processes die within a second."""
    marks = [tmp_path / "a", tmp_path / "b"]
    root = server.start("fan_out", ["nap", [[60, str(mark)] for mark in marks]])
    pids = [pid_in(mark) for mark in marks]
    answer = server.cancel(root["id"])
    assert (answer.status_code, answer.content) == (204, b"")
    wait_until(lambda: gone(pids), timeout=1, what="the end of the canceled processes")
    family = [run for run in server.runs() if run["rootTaskRunId"] == root["id"]]
    assert [run["status"] for run in family] == ["canceled"] * 3
    assert all("completedAt" in run for run in family)
    details = server.run(root["id"])
    assert (details["results"], "error" in details) == (None, False)
    assert [attempt["status"] for attempt in details["attempts"]] == ["canceled"]


def test_what_cannot_be_canceled(server: Server, tmp_path: Path) -> None:
    """Row 53: unknown runs, subtasks and ended runs are refused, each with its reason."""
    mark = tmp_path / "mark"
    root = server.start("call", ["nap", [60, str(mark)]])
    pid_in(mark)
    [subtask] = [run for run in server.runs(taskSlug="nap") if run["rootTaskRunId"] == root["id"]]
    unknown = server.cancel("trn-nope")
    assert (unknown.status_code, unknown.json()) == (404, {"message": "task run not found: trn-nope"})
    below = server.cancel(subtask["id"])
    assert below.status_code == 500
    assert below.json()["message"] == f"task run {subtask['id']} is a subtask; cancel its root {root['id']} instead"
    assert server.cancel(root["id"]).status_code == 204
    again = server.cancel(root["id"])
    assert (again.status_code, again.json()["message"]) == (500, f"task run {root['id']} is not active")


def test_cancel_between_attempts(server: Server, tmp_path: Path) -> None:
    """Row 54: a run canceled while it waits for its next attempt never gets it."""
    counter = tmp_path / "counter"
    run = server.start("flaky", [str(counter), 3])
    wait_until(lambda: server.run(run["id"])["status"] == "pending", timeout=30, what="the wait between attempts")
    assert server.cancel(run["id"]).status_code == 204
    server.finish("nap", [1.0])  # longer than the wait
    assert server.run(run["id"])["status"] == "canceled"
    assert len(counter.read_text().splitlines()) == len(server.run(run["id"])["attempts"])


def test_cancel_takes_what_a_task_has_started(server: Server, tmp_path: Path) -> None:
    """Row 55: a process that the task started dies with it (on the official server it stays)."""
    mark = tmp_path / "mark"
    run = server.start("breed", [str(mark)])
    child = pid_in(mark)
    assert server.cancel(run["id"]).status_code == 204
    if not server.official:
        wait_until(lambda: gone([child]), timeout=5, what="the end of the task's own process")


def test_cancel_behind_a_shell(tmp_path: Path) -> None:
    """Row 55: a worker behind a shell wrapper dies, too."""
    mark = tmp_path / "mark"
    with ours(["sh", "-c", f"{sys.executable} -m tasks; exit $?"], APPS) as server:
        run = server.start("nap", [60, str(mark)])
        worker = pid_in(mark)
        assert server.cancel(run["id"]).status_code == 204
        wait_until(lambda: gone([worker]), timeout=5, what="the end of the worker behind the shell")


def test_sdk_cancels(server: Server) -> None:
    """Row 52: the SDK's own cancel works, and names what it may not cancel."""
    with server.sdk() as workflows:
        run = workflows.start_task("nap", [60])
        workflows.cancel_task_run(run.id)
        assert workflows.get_task_run(run.id).status.value == "canceled"
