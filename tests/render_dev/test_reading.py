"""Reading tasks and runs: rows 65 to 68 of CONFORMANCE.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from tests.render_dev.serving import Server

pytestmark = pytest.mark.servers


def test_list_of_runs(server: Server) -> None:
    """Row 65: all runs are listed, oldest first, each with its cursor, filtered by task name or id."""
    first, second = server.finish("give", [1]), server.finish("keywords", {"left": "x"})
    listed = server.http.get("/task-runs").json()
    identities = [each["taskRun"]["id"] for each in listed]
    assert identities == [each["cursor"] for each in listed]
    assert identities.index(first["id"]) < identities.index(second["id"])
    for slug in ("keywords", second["taskId"]):
        found = server.runs(taskSlug=slug)
        assert second["id"] in {run["id"] for run in found}
        assert {run["taskId"] for run in found} == {second["taskId"]}
    assert server.runs(taskSlug="wf/keywords") == server.runs(taskSlug="nope") == []


def test_the_list_is_never_cut(server: Server) -> None:
    """Row 65: `limit`, `cursor` and `rootTaskRunId`, which the cloud honours, are ignored."""
    run = server.finish("give", [1])
    everything = [each["id"] for each in server.runs()]
    asked = server.runs(limit="1", cursor=run["id"], rootTaskRunId="trn-nope")
    assert [each["id"] for each in asked][: len(everything)] == everything


def test_sdk_lists_runs(server: Server) -> None:
    """Row 65: the SDK's client reads the list."""
    run = server.finish("give", [1])
    with server.sdk() as workflows:
        assert run["id"] in {each.task_run.id for each in workflows.list_task_runs()}


def test_unknown_run(server: Server) -> None:
    """Row 66: an unknown run is a 404, and a RenderError of the SDK."""
    from render.client.errors import RenderError

    if not server.official:
        answer = server.http.get("/task-runs/trn-nope")
        assert (answer.status_code, answer.json()) == (404, {"message": "task run not found"})
    with server.sdk() as workflows, pytest.raises(RenderError):
        workflows.get_task_run("trn-nope")


def test_one_task(server: Server) -> None:
    """Row 67: a task is described by id or name, an unknown one, or a slug with a workflow, is a 404."""
    [task] = [task for task in server.tasks() if task["name"] == "give"]
    for slug in (task["id"], "give"):
        assert server.http.get(f"/tasks/{slug}").json() == task
    for slug in ("nope", "wf%2Fgive"):
        answer = server.http.get(f"/tasks/{slug}")
        assert (answer.status_code, answer.json()) == (404, {"message": "task not found"})


def test_slashes_and_other_paths(server: Server) -> None:
    """Row 68: a trailing slash is accepted, other paths are 404, other methods 405."""
    assert [server.http.get(path).status_code for path in ("/tasks/", "/task-runs/", "/logs/")] == [200] * 3
    unknown = server.http.get("/nonsense")
    assert (unknown.status_code, unknown.text) == (404, "404 page not found\n")
    assert httpx.get(server.url, trust_env=False).status_code == 404
    wrong = server.http.put("/task-runs")
    assert wrong.status_code == 405
    assert "GET" in wrong.headers["Allow"]
