"""Subtasks: rows 40 to 51 of CONFORMANCE.md."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.render_dev.serving import FORKED, ours
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.render_dev.serving import Server

pytestmark = pytest.mark.servers

JSON = dict[str, Any]


def encoded(value: Any) -> str:
    """Encode a value as the wire between worker and server does."""
    return base64.b64encode(json.dumps(value).encode()).decode()


def follow(server: Server, report: Path, steps: list[JSON]) -> list[JSON]:
    """Run a script in a worker, and return the answers to its requests, the input's first left out."""
    last = {"method": "POST", "path": "/callback", "body": {"complete": {"output": encoded([])}}}
    server.finish("script", [{"steps": [*steps, {"sleep": 0.0}, last], "report": str(report)}])
    answers: list[JSON] = json.loads(report.read_text())
    return answers[1 : len(steps) + 1]


def post(path: str, body: Any) -> JSON:
    """Describe a POST for a script."""
    return {"method": "POST", "path": path, "body": body}


def start_other(arguments: Any, **extra: Any) -> JSON:
    """Describe the start of the task `other`, which is a script as well."""
    return post("/run-subtask", {"task_name": "other", "input": encoded(arguments)} | extra)


SUCCEED = [{"steps": [post("/callback", {"complete": {"output": "WzRd"}})]}]


@pytest.mark.parametrize(
    ("value", "seen"),
    [(5, 5), (None, None), ({"a": 1}, {"a": 1}), ([1, 2], [1, 2]), ([], []), ([5], 5), ([[1, 2]], [1, 2])],
    ids=repr,
)
def test_values_of_subtasks(server: Server, value: Any, seen: Any) -> None:
    """Row 40: `ctx.run` returns what the subtask returned, a list of one element unwrapped."""
    assert server.value("call", ["give", [value]]) == {"value": seen}


def test_family_of_runs(server: Server) -> None:
    """Rows 16 and 41: subtasks are listed with parent and root, two levels down as well, and find both in `ctx`."""
    root = server.start("call", ["call", ["look", []]])
    inner = server.ended(root["id"])["results"][0]["value"]["value"]
    family = [run for run in server.runs() if run["rootTaskRunId"] == root["id"]]
    assert [run["parentTaskRunId"] for run in family] == ["", family[0]["id"], family[1]["id"]]
    if not server.official:
        assert inner["metadata"] == [family[2]["id"], root["id"], family[1]["id"]]


def test_failed_subtask(server: Server) -> None:
    """Row 42: a subtask that failed after all retries raises TaskRunError with its error in the parent."""
    assert server.value("catch", ["fail", ["oh"]]) == {"type": "TaskRunError", "text": "Subtask failed: oh"}


def test_subtask_recovers_unseen(server: Server, tmp_path: Path) -> None:
    """Row 43: a parent sees only the success of a subtask that failed twice before."""
    assert server.value("call", ["flaky", [str(tmp_path / "counter"), 3]]) == {"value": {"attempt": 3}}


def test_gather_runs_in_parallel_and_in_order(server: Server) -> None:
    """Row 44: subtasks of one gather overlap, and their values come back in order."""
    assert server.value("fan_out", ["give", [[number] for number in range(12)]])["values"] == list(range(12))
    naps = server.value("fan_out", ["nap", [[1.0]] * 3])["values"]
    assert max(begin for begin, _ in naps) < min(end for _, end in naps)


def test_unknown_subtask(scripted: Server, tmp_path: Path) -> None:
    """Row 45: an unknown name answers 500 with the name."""
    [answer] = follow(scripted, tmp_path / "report", [post("/run-subtask", {"task_name": "nope", "input": "W10="})])
    assert answer["status"] == 500
    assert 'subtask "nope" not found' in answer["body"]


@pytest.mark.parametrize(
    "request_", [post("/run-subtask", "{"), post("/run-subtask", {"task_name": "other", "input": "%%%"})], ids=str
)
def test_malformed_subtasks(scripted: Server, tmp_path: Path, request_: JSON) -> None:
    """Row 46: bad JSON and bad base64 answer 400."""
    [answer] = follow(scripted, tmp_path / "report", [request_])
    assert answer["status"] == 400
    assert "can't decode JSON body" in answer["body"]


def test_unknown_run_and_unknown_route(scripted: Server, tmp_path: Path) -> None:
    """Row 46: the result of an unknown run answers 500, other paths 404, other methods 405."""
    steps = [
        post("/get-subtask-result", {"task_run_id": "trn-nope"}),
        post("/nonsense", {}),
        {"method": "GET", "path": "/callback"},
    ]
    answers = follow(scripted, tmp_path / "report", steps)
    assert [answer["status"] for answer in answers] == [500, 404, 405]
    assert answers[1]["body"] == "404 page not found\n"


def test_answers_of_the_wrong_shape(scripted: Server, tmp_path: Path) -> None:
    """Row 46: a callback that is not an object, or whose output is not base64, answers 400 and ends nothing."""
    if scripted.official:
        pytest.skip("states our own answers")
    steps = [post("/callback", "[1]"), post("/callback", {"complete": {"output": "%%%"}}), post("/callback", "{")]
    assert [answer["status"] for answer in follow(scripted, tmp_path / "report", steps)] == [400, 400, 400]


def test_repeated_submission_is_one_subtask(scripted: Server, tmp_path: Path) -> None:
    """Row 47: the same key and time lead to the same subtask, another time to another one."""
    twice = start_other(SUCCEED, idempotency_key="k", created_at="2026-01-01T00:00:00+00:00")
    other = start_other(SUCCEED, idempotency_key="k", created_at="2026-01-01T00:00:01+00:00")
    answers = follow(scripted, tmp_path / "report", [twice, twice, other])
    first, second, third = (json.loads(answer["body"])["task_run_id"] for answer in answers)
    assert third != first
    if not scripted.official:
        assert second == first


def test_subtask_result(scripted: Server, tmp_path: Path) -> None:
    """Row 43: the result of a subtask is its output, byte for byte."""
    question = post("/get-subtask-result", {"task_run_id": "ID1"}) | {"until_ended": True}
    [_, answer] = follow(scripted, tmp_path / "report", [start_other(SUCCEED), question])
    assert json.loads(answer["body"]) == {"still_running": False, "complete": {"output": "WzRd"}}


def test_subtasks_do_not_register(server: Server) -> None:
    """Row 48: starting subtasks registers nothing, so a slow import cannot make the SDK submit them twice."""
    before = len(server.runs())
    server.value("fan_out", ["give", [[number] for number in range(5)]])
    assert len(server.runs()) == before + 6


def test_crash_of_a_parent_leaves_subtasks_alone(server: Server, tmp_path: Path) -> None:
    """Row 49: a killed parent's subtask runs on, and the parent's retry submits a new one."""
    counter = tmp_path / "counter"
    root = server.ended(server.start("crash_after_start", [str(counter), 1.0])["id"])
    assert (root["status"], len(root["attempts"])) == ("completed", 2)
    naps = [run for run in server.runs(taskSlug="nap") if run["rootTaskRunId"] == root["id"]]
    assert len(naps) == 2
    assert [server.ended(nap["id"])["status"] for nap in naps] == ["completed", "completed"]


def test_retry_of_a_subtask_whose_root_has_ended(server: Server, tmp_path: Path) -> None:
    """Row 50: a subtask left behind still gets its retries (on the official server it stays pending forever)."""
    counter = str(tmp_path / "counter")
    root = server.ended(server.start("leave_behind", ["flaky", [counter, 3], counter])["id"])
    assert root["results"] == [{"subtask": "left"}]
    [left] = [run for run in server.runs(taskSlug="flaky") if run["rootTaskRunId"] == root["id"]]
    if not server.official:
        assert server.ended(left["id"])["status"] == "completed"


def test_result_of_a_canceled_subtask(scripted: Server, tmp_path: Path) -> None:
    """Row 51: who asks for a canceled subtask gets the error `canceled` (officially neither result nor error)."""
    mark = tmp_path / "first"
    hang = [{"steps": [{"sleep": 60}]}]
    root = scripted.start("script", [{"steps": [start_other(hang), {"sleep": 60}], "report": str(mark)}])
    wait_until(lambda: mark.exists() and len(json.loads(mark.read_text())) == 2, timeout=30, what="the subtask")
    subtask = json.loads(json.loads(mark.read_text())[1]["body"])["task_run_id"]
    assert scripted.cancel(root["id"]).status_code == 204
    [answer] = follow(scripted, tmp_path / "second", [post("/get-subtask-result", {"task_run_id": subtask})])
    document = json.loads(answer["body"])
    assert document["still_running"] is False
    if not scripted.official:
        assert document["error"] == {"details": "canceled"}


def test_short_subtasks_come_back_within_the_second() -> None:
    """Row 44: a fan-out costs less than the SDK's second between two questions, for the first is held a little."""
    with ours([*FORKED, "tasks:app"]) as server:
        run = server.finish("fan_out", ["give", [[number] for number in range(3)]])
    assert run["status"] == "completed"
    begun, ended = (datetime.fromisoformat(run[key]) for key in ("startedAt", "completedAt"))
    assert (ended - begun).total_seconds() < 0.9
