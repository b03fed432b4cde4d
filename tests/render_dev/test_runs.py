"""Starting runs, and their results: rows 11 to 26 of CONFORMANCE.md."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.render_dev.serving import JSON_BODY

if TYPE_CHECKING:
    from pathlib import Path

    from tests.render_dev.serving import Server

pytestmark = pytest.mark.servers

UNSET_WHEN_RUNNING = {"completedAt", "error"}


def test_start_answers_with_the_run(server: Server) -> None:
    """Rows 11 and 22: a start is answered 202 with a running root run, and nothing unset is null."""
    run = server.start("give", [5])
    assert re.fullmatch(r"trn-[0-9a-v]{20}", run["id"])
    assert run["status"] == "running"
    assert [attempt["status"] for attempt in run["attempts"]] == ["running"]
    assert (run["parentTaskRunId"], run["rootTaskRunId"]) == ("", run["id"])
    assert not UNSET_WHEN_RUNNING & set(run)
    assert not {"input", "results"} & set(run)
    assert all(value is not None for value in run.values())


def test_tasks_are_found_by_name_id_and_slug(server: Server) -> None:
    """Row 12: a name, an id and `anything/name` start the same task."""
    identity = next(task["id"] for task in server.tasks() if task["name"] == "give")
    assert {server.finish(slug, [1])["taskId"] for slug in ("give", identity, "my-workflow/give")} == {identity}


@pytest.mark.parametrize("slug", ["nope", "give:1", "wf/nope", ""])
def test_unknown_tasks_are_refused(server: Server, slug: str) -> None:
    """Row 12: an unknown name, and a name with a version, answer 404 with the name."""
    answer = server.http.post("/task-runs", json={"task": slug, "input": []})
    assert (answer.status_code, answer.json()) == (404, {"message": f"task not found: {slug}"})


@pytest.mark.parametrize("body", ["{", "", "nonsense", '{"task": "give", "input": ['])
def test_bad_json_is_refused(server: Server, body: str) -> None:
    """Row 13: a body that is not JSON answers 400 with a message."""
    answer = server.http.post("/task-runs", content=body, headers=JSON_BODY)
    assert answer.status_code == 400
    assert answer.json()["message"]


@pytest.mark.parametrize("name", ["task", "idempotencyKey"])
@pytest.mark.parametrize("value", [7, True, ["give"], {"give": 1}], ids=repr)
def test_names_that_are_no_text_are_refused(server: Server, name: str, value: Any) -> None:
    """Row 13: a task or a key that is not a string answers 400."""
    if server.official and name == "idempotencyKey":
        pytest.skip("the official server does not look at the key")
    answer = server.http.post("/task-runs", json={"task": "give", "input": []} | {name: value})
    assert answer.status_code == 400
    assert answer.json()["message"]


def test_absent_names(server: Server) -> None:
    """Row 12: a task that is null is unknown, a key that is null is none."""
    assert server.http.post("/task-runs", json={"task": None, "input": []}).status_code == 404
    runs = [server.start("give", [1], idempotencyKey=None)["id"] for _ in range(2)]
    assert runs[0] != runs[1]


def test_arguments_by_position_and_by_name(server: Server) -> None:
    """Row 14: an array arrives as positional, an object as named arguments, and both are echoed."""
    assert server.finish("give", ["<é&>"])["input"] == ["<é&>"]
    assert server.value("give", ["<é&>"]) == "<é&>"
    named = server.finish("keywords", {"left": "a"})
    assert (named["input"], named["results"]) == ({"left": "a"}, [{"left": "a", "right": "default"}])


def test_input_as_the_worker_reads_it(scripted: Server, tmp_path: Path) -> None:
    """Rows 15 and 16: /input carries the task's name, the arguments, and the ids of run and root."""
    report = tmp_path / "report.json"
    answer = {"method": "POST", "path": "/callback", "body": {"complete": {"output": "WzFd"}}}
    # the report is written after each step, and the official server kills a worker that has answered
    run = scripted.finish("script", [{"steps": [{"sleep": 0}, answer], "report": str(report)}])
    assert run["results"] == [1]
    [first, *_] = json.loads(report.read_text())
    document = json.loads(first["body"])
    assert document["task_name"] == "script"
    if not scripted.official:
        assert (document["task_run_id"], document["root_task_run_id"]) == (run["id"], run["id"])


def test_metadata_in_the_task(server: Server) -> None:
    """Row 16: a task finds its own, its root's and its parent's id in `ctx.metadata` (officially since 2.29)."""
    run = server.finish("look")
    found = run["results"][0]["metadata"]
    ids = [run["id"], run["id"], None]
    assert found == ids or (server.official and found == [None] * 3)


def test_idempotency_key(server: Server) -> None:
    """Row 17: a repeated start with the same key returns the first run, also after its end."""
    key = f"key-{server.url}"
    first = server.start("give", [1], idempotencyKey=key)
    server.ended(first["id"])
    second = server.start("give", [1], idempotencyKey=key)
    other = server.start("give", [1], idempotencyKey=f"{key}-other")
    assert other["id"] != first["id"]
    if not server.official:
        assert second["id"] == first["id"]


def test_authorization_is_ignored(server: Server) -> None:
    """Row 18: requests need no token, and any token is welcome."""
    assert server.http.get("/tasks", headers={"Authorization": "Bearer nonsense"}).status_code == 200


def test_runs_overlap(server: Server, tmp_path: Path) -> None:
    """Row 19: two runs that wait for each other end, for there is no limit by default."""
    one, other = str(tmp_path / "one"), str(tmp_path / "other")
    runs = [server.start("meet", names) for names in ([one, other], [other, one])]
    assert [server.ended(run["id"])["status"] for run in runs] == ["completed", "completed"]


@pytest.mark.parametrize(
    ("value", "results"),
    [(5, [5]), ({"a": 1}, [{"a": 1}]), (None, [None]), ([1, 2], [1, 2]), ([], []), ([5], [5]), ([[1, 2]], [[1, 2]])],
    ids=repr,
)
def test_results(server: Server, value: Any, results: list[Any]) -> None:
    """Row 20: a list is the results, anything else is their only element."""
    assert server.finish("give", [value])["results"] == results


def test_details_of_a_completed_run(server: Server) -> None:
    """Rows 21 and 22: a completed run has times, results and no error, on the run and its attempt."""
    run = server.finish("give", [7])
    assert datetime.fromisoformat(run["completedAt"]) >= datetime.fromisoformat(run["startedAt"])
    assert (run["retries"], "error" in run) == (0, False)
    [attempt] = run["attempts"]
    assert (attempt["status"], attempt["results"], "error" in attempt) == ("completed", [7], False)


def test_results_are_null_without_success(server: Server) -> None:
    """Row 23: a running and a failed run have results null."""
    running = server.start("nap", [30])
    assert server.run(running["id"])["results"] is None
    assert server.cancel(running["id"]).status_code == 204
    assert server.run(running["id"])["results"] is None
    assert server.finish("fail", ["x"])["results"] is None


@pytest.mark.parametrize(("which", "results"), [("nan", None), ("huge", [2**60 + 1]), ("float", [1.0])])
def test_numbers_at_the_edge(server: Server, which: str, results: list[Any] | None) -> None:
    """Row 24: NaN cannot be carried, large integers and floats are preserved (the official server rounds)."""
    run = server.finish("special", [which])
    assert run["status"] == "completed"
    assert run["results"] == results or server.official


def test_unserialisable_result(server: Server) -> None:
    """Row 25: a result that JSON cannot carry fails the run."""
    run = server.finish("special", ["set"])
    assert (run["status"], run["error"]) == ("failed", "Object of type set is not JSON serializable")


def test_large_inputs_and_outputs(server: Server) -> None:
    """Row 26: 5 MB in and 6 MB out pass."""
    assert server.value("give", ["x" * 5_000_000]) == "x" * 5_000_000
    assert len(server.value("letters", [6_000_000])["letters"]) == 6_000_000
