"""Failures and retries: rows 27 to 39 of CONFORMANCE.md."""

from __future__ import annotations

import os
import signal
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.render_dev.serving import Server

pytestmark = pytest.mark.servers

CRASH = "start command exited before completing the task"


def statuses(run: dict[str, Any]) -> list[str]:
    """List the status of each attempt."""
    return [attempt["status"] for attempt in run["attempts"]]


def gaps(run: dict[str, Any]) -> list[float]:
    """List the seconds from each attempt's end to the next one's start."""
    pairs = zip(run["attempts"], run["attempts"][1:], strict=False)
    return [_seconds(after["startedAt"]) - _seconds(before["completedAt"]) for before, after in pairs]


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()


def test_exception_fails_at_once(server: Server) -> None:
    """Row 27: without a retry policy one exception is the end, and its text is the error."""
    run = server.finish("fail", ["no such luck"])
    assert (run["status"], run["error"], statuses(run)) == ("failed", "no such luck", ["failed"])


def test_retries_recover(server: Server, tmp_path: Path) -> None:
    """Rows 28, 29, 31, 32, 39: a task succeeds at its third attempt, after 300 and 600 ms, as one and the same run."""
    counter = str(tmp_path / "counter")
    started = server.start("flaky", [counter, 3])
    run = server.ended(started["id"])
    assert (run["status"], run["results"], "error" in run) == ("completed", [{"attempt": 3}], False)
    assert statuses(run) == ["failed", "failed", "completed"]
    assert [attempt.get("error") for attempt in run["attempts"]] == ["boom 1", "boom 2", None]
    assert all(least <= gap <= least + 0.75 for gap, least in zip(gaps(run), (0.3, 0.6), strict=True))
    assert {key: run[key] for key in ("id", "startedAt", "rootTaskRunId")} == {
        key: started[key] for key in ("id", "startedAt", "rootTaskRunId")
    }
    assert run["input"] == [counter, 3]
    if not server.official:
        assert ([attempt["attempt"] for attempt in run["attempts"]], run["retries"]) == ([0, 1, 2], 2)


def test_pending_between_attempts(server: Server, tmp_path: Path) -> None:
    """Rows 23 and 30: while it waits, a run is pending, shows the attempts that failed, and no error of its own."""
    run = server.start("flaky_slow", [str(tmp_path / "counter"), 2])
    wait_until(lambda: server.run(run["id"])["status"] == "pending", timeout=10, what="the wait between attempts")
    pending = server.run(run["id"])
    assert (statuses(pending), pending["results"]) == (["failed"], None)
    assert not {"error", "completedAt"} & set(pending)
    assert server.cancel(run["id"]).status_code == 204


def test_all_attempts_fail(server: Server, tmp_path: Path) -> None:
    """Row 31: the run fails with the last attempt's error, and each attempt keeps its own."""
    run = server.finish("flaky", [str(tmp_path / "counter"), 9])
    assert (run["status"], run["error"], run["results"]) == ("failed", "boom 3", None)
    assert [attempt["error"] for attempt in run["attempts"]] == ["boom 1", "boom 2", "boom 3"]


@pytest.mark.parametrize(
    ("how", "suffix"),
    [
        ("exit3", ": exit status 3"),
        ("exit0", ""),
        ("sys.exit", ": exit status 3"),
        ("SIGKILL", ": signal: killed"),
        ("SIGTERM", ": signal: terminated"),
        ("SIGSEGV", ": signal: segmentation fault"),
    ],
)
def test_crash_texts(server: Server, how: str, suffix: str) -> None:
    """Rows 33 to 35: an end without an answer fails the attempt, and says how the process ended."""
    run = server.finish("die", [how])
    assert (run["status"], run["error"]) == ("failed", CRASH + suffix)


def test_kill_from_outside_recovers(server: Server, tmp_path: Path) -> None:
    """Row 34: a worker killed in the middle of its work is retried, and the client sees one success."""
    run = server.finish("die_once", [str(tmp_path / "counter")])
    assert (run["status"], statuses(run)) == ("completed", ["failed", "completed"])
    assert run["attempts"][0]["error"] == f"{CRASH}: signal: killed"


def test_kill_by_another_process(server: Server, tmp_path: Path) -> None:
    """Row 34: the same if another process sends the signal."""
    mark = tmp_path / "mark"
    run = server.start("nap", [60, str(mark)])
    pid = int(wait_until(lambda: mark.exists() and mark.read_text(), timeout=10, what="the nap's start"))
    os.kill(pid, signal.SIGTERM)
    assert server.ended(run["id"])["error"] == f"{CRASH}: signal: terminated"


def test_timeouts_are_not_enforced_by_default(server: Server, tmp_path: Path) -> None:
    """Row 36: a task may exceed its timeout_seconds, as on the official server."""
    run = server.finish("hang_once", [str(tmp_path / "counter"), 1.5])
    assert (run["status"], statuses(run)) == ("completed", ["completed"])


def test_empty_answer_fails(scripted: Server) -> None:
    """Row 37: an answer with neither result nor error fails the run (on the official server it stays running)."""
    if scripted.official:
        pytest.skip("the official server leaves such a run running forever")
    run = scripted.finish("script", [{"steps": [{"method": "POST", "path": "/callback", "body": {}}]}])
    assert (run["status"], run["error"]) == ("failed", "the worker answered with neither a result nor an error")


def test_result_wins_over_error(scripted: Server) -> None:
    """Row 38: an answer with both a result and an error is a success."""
    body = {"complete": {"output": "WzRd"}, "error": {"details": "boom"}}
    run = scripted.finish("script", [{"steps": [{"method": "POST", "path": "/callback", "body": body}]}])
    assert (run["status"], run["results"]) == ("completed", [4])


def test_result_without_output(scripted: Server) -> None:
    """Row 38: a result without output completes the run with results null."""
    steps = [{"method": "POST", "path": "/callback", "body": {"complete": {}}}]
    run = scripted.finish("script", [{"steps": steps}])
    assert (run["status"], run["results"]) == ("completed", None)


def test_only_the_first_answer_counts(scripted: Server) -> None:
    """Row 56: a second answer of the same worker changes nothing."""
    if scripted.official:
        pytest.skip("the official server lets the second request hang")
    body = {"complete": {"output": "WzRd"}}
    steps: list[dict[str, Any]] = [
        {"method": "POST", "path": "/callback", "body": body},
        {"method": "POST", "path": "/callback", "body": {"error": {"details": "late"}}},
    ]
    run = scripted.finish("script", [{"steps": steps}])
    assert (run["status"], run["results"]) == ("completed", [4])


@pytest.mark.parametrize("code", [3, 0])
def test_exit_right_after_the_answer(scripted: Server, code: int) -> None:
    """Row 33: an answer counts even when the process is gone before it was read."""
    steps: list[dict[str, Any]] = [
        {"method": "POST", "path": "/callback", "body": {"complete": {"output": "WzRd"}}},
        {"exit": code},
    ]
    assert scripted.finish("script", [{"steps": steps}])["results"] == [4]
