"""What Render's cloud may answer: refusals, pages, trouble that passes and trouble that stays."""

from __future__ import annotations

import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from flows.on_render.api import PAGE, RenderApi
from flows.on_render.connection import LostError, _retry_after
from flows.on_render.endpoint import Endpoint, cloud_url
from flows.on_render.follow import follow
from shared.run.errors import TerminalError, TransientError
from tests.command import shardwise
from tests.flows.merging import JSON, merging_server
from tests.render_cloud import DROP, GARBLE, KEY, LOSE, NAME, SLUG, VANISH, Trouble, render_cloud, upstream_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.render_cloud import Answer, RenderCloud
    from tests.render_dev.serving import Server

pytestmark = pytest.mark.servers

TASK = "merge_customer_data"
MERGED = {"profiles_generated": 5, "shards_processed": 2, "digest": "v2:5:0"}
RUN = "/task-runs/trn-1"


def run(status: str, **more: Any) -> Answer:
    """An answer about the run."""
    return 200, {"id": "trn-1", "status": status} | more


def always(answer: Answer) -> Callable[[str, str, Any], Answer]:
    """A server that answers everything alike."""
    return lambda *_: answer


def scripted(*answers: Answer) -> Callable[[str, str, Any], Answer]:
    """Answers in turn, the last one for ever."""
    left = list(answers)
    return lambda *_: left.pop(0) if len(left) > 1 else left[0]


@contextmanager
def client(
    upstream: Callable[[str, str, Any], Answer], *troubles: Trouble, **endpoint: Any
) -> Iterator[tuple[RenderCloud, RenderApi]]:
    """The cloud's stand-in and a client of it."""
    with render_cloud(upstream, troubles) as cloud, RenderApi(cloud.endpoint(**endpoint)) as api:
        yield cloud, api


DONE = always(run("completed", results=[MERGED]))


def test_the_cloud_is_asked_with_the_key_for_the_workflows_task() -> None:
    """The slug has the workflow, the key is a bearer token, and a start carries the idempotency key it was given."""
    with client(DONE) as (cloud, api):
        assert api.start(TASK, [{"num_shards": 7}], "monday") == "trn-1"
    [request] = cloud.requests
    assert (request["method"], request["path"]) == ("POST", "/task-runs")
    assert request["headers"]["Authorization"] == f"Bearer {KEY}"
    assert request["body"] == {
        "task": f"{SLUG}/{'merge_customer_data'}",
        "input": [{"num_shards": 7}],
        "idempotencyKey": "monday",
    }


def test_the_workflows_name_finds_the_slug_with_its_suffix() -> None:
    """WORKFLOW_SLUG may be the name in render.yaml: the slug that Render made of it is looked up."""
    with client(DONE, workflow=NAME) as (cloud, api):
        assert api.start(TASK, []) == api.start(TASK, []) == "trn-1"
    posts = [request["body"]["task"] for request in cloud.requests if request["method"] == "POST"]
    assert posts == [
        f"{NAME}/{'merge_customer_data'}",
        f"{SLUG}/{'merge_customer_data'}",
        f"{SLUG}/{'merge_customer_data'}",
    ]


@pytest.mark.parametrize(
    ("workflows", "wanted"),
    [({SLUG: NAME, "shardwise-z9": NAME}, NAME), ({SLUG: NAME}, "other"), ({}, NAME), ({SLUG: NAME}, SLUG)],
    ids=["two of the name", "another name", "none at all", "no such task"],
)
def test_a_slug_that_leads_nowhere_is_refused_with_those_there_are(workflows: dict[str, str], wanted: str) -> None:
    """The message names the task, the workflows that the key may see, and what else to look at."""
    missing = always((404, {"message": "task not found"}))
    with client(missing, workflow=wanted) as (cloud, api):
        cloud.workflows = workflows
        with pytest.raises(
            TerminalError, match=f"Render has no task {wanted}/{'merge_customer_data'}; the workflows .* are"
        ) as caught:
            api.start(TASK, [])
    assert all(slug in str(caught.value) for slug in workflows or {"none at all": ""})
    assert "latest version is ready" in str(caught.value)


@pytest.mark.parametrize(
    ("trouble", "message"),
    [
        (401, "Render refuses the key in RENDER_API_KEY: trouble"),
        (403, "Render refuses the key in RENDER_API_KEY: trouble"),
        (400, "Render answers 400: trouble"),
    ],
)
def test_a_refused_start_is_not_repeated(trouble: int, message: str) -> None:
    """A refusal is wrong use, and says what to do."""
    with (
        client(DONE, Trouble(trouble, times=None)) as (cloud, api),
        pytest.raises(TerminalError, match=message),
    ):
        api.start(TASK, [])
    assert len(cloud.requests) == 1


def test_a_wrong_key_is_refused() -> None:
    """The stand-in checks the key like Render does."""
    with client(DONE, token=KEY.upper()) as (_cloud, api), pytest.raises(TerminalError, match="Render refuses the key"):
        api.start(TASK, [])


@pytest.mark.parametrize("what", [408, 429, 500, 503, DROP, LOSE, GARBLE])
def test_trouble_that_passes_is_not_noticed(what: int | str) -> None:
    """Starting, reading, listing and canceling are each repeated until they are answered."""
    entry = {"cursor": "trn-2", "taskRun": {"id": "trn-2", "rootTaskRunId": "trn-1", "status": "running"}}

    def upstream(method: str, path: str, _body: Any) -> Answer:
        if method == "DELETE":
            return 204, None
        return (200, [entry]) if (method, path) == ("GET", "/task-runs") else run("running")

    requests = ("POST *", "GET /task-runs/*", "GET /task-runs", "DELETE *")
    with client(upstream, *[Trouble(what, request) for request in requests]) as (cloud, api):
        assert api.start(TASK, []) == "trn-1"
        assert api.run("trn-1")["status"] == "running"
        assert [each["id"] for each in api.subtasks("trn-1")] == ["trn-2"]
        api.cancel("trn-1")
    assert [cloud.asked(request) for request in requests] == [2, 2, 2, 2]


def test_a_repeated_start_is_one_run() -> None:
    """Without a key of the caller's, each start has one of its own, the same in each repetition."""
    with client(DONE, Trouble(LOSE)) as (cloud, api):
        api.start(TASK, [])
        api.start(TASK, [])
    first, second, third = (request["body"]["idempotencyKey"] for request in cloud.requests)
    assert first == second != third


def test_a_start_on_a_local_server_is_not_repeated() -> None:
    """The official local server ignores keys, so a repetition could be a second run."""
    with (
        render_cloud(DONE, [Trouble(LOSE)]) as cloud,
        RenderApi(Endpoint(cloud.url)) as api,
        pytest.raises(LostError, match="does not answer"),
    ):
        api.start(TASK, [])
    assert len(cloud.requests) == 1


def test_the_wait_that_render_asks_for_is_kept() -> None:
    """With Retry-After the next request comes no earlier, and one beyond the patience is not waited for."""
    trouble = Trouble(429, headers={"Retry-After": "1"})
    with client(DONE, trouble, patience=5) as (cloud, api):
        started = time.monotonic()
        api.run("trn-1")
        assert time.monotonic() - started >= 1
        cloud.troubles = [Trouble(429, headers={"Retry-After": "60"})]
        with pytest.raises(LostError, match="it asks to wait 60 s"):
            api.run("trn-1")
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"Retry-After": "7"}, 7),
        (503, {"Retry-After": "7"}, 7),
        (429, {"Ratelimit-Reset": "9"}, 9),
        (429, {"Ratelimit-Reset": "9", "Retry-After": "7"}, 7),
        (503, {"Ratelimit-Reset": "9"}, None),
        (429, {"Ratelimit-Reset": "1795600000"}, None),
        (429, {"Retry-After": "soon"}, None),
        (429, {}, None),
    ],
)
def test_how_long_render_asks_to_wait(status: int, headers: dict[str, str], seconds: float | None) -> None:
    """Seconds count from the answer; what cannot be read, or speaks of another limit, asks for nothing."""
    assert _retry_after(httpx.Response(status, headers=headers)) == seconds


@pytest.mark.parametrize("offset", [timedelta(0), timedelta(hours=5), timedelta(hours=-5)])
def test_a_date_to_wait_for_counts_by_the_servers_clock(offset: timedelta) -> None:
    """Whatever our clock says, a date 30 s after the answer's own is 30 s away."""
    now = datetime.now(UTC) + offset
    headers = {"Date": format_datetime(now), "Retry-After": format_datetime(now + timedelta(seconds=30))}
    assert _retry_after(httpx.Response(429, headers=headers)) == 30


def test_a_cloud_that_stays_silent_is_given_up() -> None:
    """Waits grow, and when the patience is over the message says for how long Render was asked."""
    with (
        client(DONE, Trouble(503, times=None), patience=2) as (cloud, api),
        pytest.raises(LostError, match=r"Render answers 503: trouble; given up after \d requests in \d\.\d s"),
    ):
        follow(api, "trn-1", timeout=60)
    assert 3 <= len(cloud.requests) <= 5


def test_the_key_shows_nowhere() -> None:
    """An endpoint can be printed; how to cancel names the variable, not its value."""
    endpoint = Endpoint("https://render", local=False, token=KEY, workflow="merge")
    with RenderApi(endpoint) as api:
        assert KEY not in repr(endpoint) + api.how_to_cancel("trn-1")
        assert "$RENDER_API_KEY" in api.how_to_cancel("trn-1")


@pytest.mark.parametrize("host", ["https://there", "https://there/", "https://there/v1/"])
def test_another_host_is_named_as_for_renders_command(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    """RENDER_HOST may have the path that Render's own command wants."""
    monkeypatch.setenv("RENDER_HOST", host)
    assert cloud_url() == "https://there"


def listed(*runs: JSON) -> Callable[[str, str, Any], Answer]:
    """A server with these runs, oldest first."""
    return always((200, [{"cursor": each["id"], "taskRun": each} for each in runs]))


def test_subtasks_are_read_page_by_page() -> None:
    """All pages are read, and neither the root nor another root's runs are among the subtasks; the first come first."""
    ids = [f"trn-{number:03}" for number in range(2 * PAGE + 20)]
    runs = [{"id": each, "rootTaskRunId": "trn-000", "startedAt": f"2026-01-01T00:00:00.{each[4:]}Z"} for each in ids]
    del runs[7]["startedAt"]
    with client(listed(*runs, {"id": "x", "rootTaskRunId": "x"})) as (cloud, api):
        assert [each["id"] for each in api.subtasks("trn-000")] == [*ids[1:7], *ids[8:], "trn-007"]
    assert len(cloud.requests) == 3


def test_a_server_that_ignores_pages_is_read_once() -> None:
    """The official local server answers with all runs, however often it is asked."""
    runs = [{"id": f"trn-{number}", "rootTaskRunId": f"trn-{number}"} for number in range(250)]
    with render_cloud(listed(*runs)) as cloud, RenderApi(Endpoint(cloud.url)) as api:
        cloud.answer = lambda *_: cloud.upstream("GET", "/task-runs", None)  # type: ignore[method-assign]
        assert len(api.roots()) == 250
    assert len(cloud.requests) == 2


def test_the_log_of_very_many_runs_is_read_in_parts() -> None:
    """However many shards a run has, no request is too long for a server, and the lines come in order."""
    runs = [{"id": f"trn-{number:020}", "rootTaskRunId": f"trn-{0:020}"} for number in range(1001)]

    def upstream(_method: str, path: str, _body: Any) -> Answer:
        if path == "/task-runs":
            return 200, [{"cursor": each["id"], "taskRun": each} for each in runs]
        asked = cloud.requests[-1]["query"]["taskRunID"][0].split(",")
        start = datetime(2026, 1, 1, tzinfo=UTC)
        times = [(start + timedelta(seconds=int(each.removeprefix("trn-")))).isoformat() for each in asked]
        lines = [{"message": f"{each}\n", "timestamp": at} for each, at in zip(asked, times, strict=True)]
        return 200, {"logs": lines[::-1]}

    with render_cloud(upstream) as cloud, RenderApi(Endpoint(cloud.url)) as api:
        cloud.answer = lambda method, path, *_: upstream(method, path, None)  # type: ignore[method-assign]
        text = api.log(runs[0]["id"])
    assert text.split() == [each["id"] for each in runs]
    assert max(len(str(request["query"])) for request in cloud.requests) < 8_000


@pytest.mark.parametrize("answer", [{}, [{}], ["x"], None, "x"], ids=repr)
def test_a_list_of_another_shape_is_trouble(answer: Any) -> None:
    """No answer of any shape becomes an error without a message."""
    with render_cloud(always((200, answer))) as cloud, RenderApi(Endpoint(cloud.url, patience=0)) as api:
        cloud.answer = lambda *_: (200, answer)  # type: ignore[method-assign]
        for ask in (lambda: api.subtasks("trn-1"), lambda: api.run("trn-1")):
            with pytest.raises(LostError, match=r"Render answers .*, which is no"):
                ask()


@pytest.mark.parametrize("success", ["completed", "succeeded"])
def test_trouble_on_the_way_does_not_end_the_wait(success: str) -> None:
    """Pending, paused, unknown for a moment and failed for a moment are not the end; the merge's result is."""
    answers = [run("pending"), run("paused"), run("failed", error="once"), run("running"), (404, {"message": "?"})]
    with render_cloud(scripted(*answers, run("running"), run(success, results=[MERGED]))) as cloud:
        cloud.troubles = [Trouble(503, times=2), Trouble(DROP, after=2), Trouble(429, after=4)]
        with RenderApi(cloud.endpoint()) as api:
            assert follow(api, "trn-1", timeout=60) == MERGED


def test_a_run_that_vanishes_is_reported() -> None:
    """A run that stays unknown ends the wait, after it was asked for twice."""
    with (
        client(always(run("running")), Trouble(VANISH, times=None, after=2)) as (cloud, api),
        pytest.raises(TransientError, match="does not know the run trn-1"),
    ):
        follow(api, "trn-1", timeout=60)
    assert len(cloud.requests) == 4


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (run("failed", error="TerminalError: bad row"), TerminalError, "^bad row$"),
        (run("failed", error="ShardsFailedError: 2 of"), TransientError, "^2 of$"),
        (run("failed", error="start command exited: signal: killed"), TransientError, "^start command exited: signal"),
        (run("failed"), TransientError, "without a message"),
        (run("canceled"), TransientError, "was canceled"),
        (run("completed", results=None), TerminalError, "answered None, which is not a result"),
        (
            run("failed", error="merge() takes 1 positional argument but 2 were given"),
            TerminalError,
            "does not accept these arguments",
        ),
        (
            run("failed", error="merge() missing 1 required positional argument: 'x'"),
            TerminalError,
            "does not accept these arguments",
        ),
        (
            run("failed", error="Value after * must be an iterable, not int"),
            TerminalError,
            "does not accept these arguments",
        ),
        (
            run("failed", error="ShardsFailedError: 1 of the run's shards:\n  TypeError: 'NoneType' is not iterable"),
            TransientError,
            "^1 of the run's shards",
        ),
        (run("failed", error="TypeError: merge() takes 1 positional argument"), TransientError, "^TypeError: merge"),
    ],
)
def test_an_end_without_a_result_is_explained(answer: Answer, kind: type[Exception], message: str) -> None:
    """Each becomes an error of the kind that tells whether another run can help."""
    with client(always(answer)) as (_cloud, api), pytest.raises(kind, match=message) as caught:
        follow(api, "trn-1", timeout=60)
    assert type(caught.value) is kind


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the tasks run; their store is ``.shardwise`` there."""
    return tmp_path_factory.mktemp("cloud")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    """Our app, which does the work behind the cloud's stand-in."""
    with merging_server(folder, SHARDWISE_NUM_SHARDS="130") as running:
        yield running


def test_a_merge_on_a_troubled_cloud(server: Server, tmp_path: Path) -> None:
    """The command starts one run and gets its result, though the cloud loses the start's answer and asks to wait."""
    troubles = [
        Trouble(LOSE, "POST *", after=1),
        Trouble(429, "GET *", headers={"Retry-After": "1"}),
        Trouble(DROP, "GET *", 2),
    ]
    with render_cloud(upstream_at(server.url), troubles) as cloud:
        done = shardwise("trigger", cwd=tmp_path, **cloud.environment(NAME))
        assert done.returncode == 0, done.stderr
        assert "Merged 1000 enriched profiles across 130 shards" in done.stdout
        roots = {each["rootTaskRunId"] for each in server.runs()}
        assert len(roots) == 1
        with RenderApi(cloud.endpoint()) as api:
            assert len(api.subtasks(roots.pop())) == 132  # staging, shards, aggregation


def test_a_run_is_taken_up_again(server: Server, tmp_path: Path) -> None:
    """When Render stays silent the command says how to wait again, which needs no second run."""
    with render_cloud(upstream_at(server.url)) as cloud:
        first = shardwise("trigger", "--shards", "2", "--timeout", "0.0", cwd=tmp_path, **cloud.environment())
        assert first.returncode == 1
        [again] = [
            line.rpartition("`")[0].rpartition("`")[2] for line in first.stderr.splitlines() if "--follow" in line
        ]
        done = shardwise(*again.split()[1:], "--json", cwd=tmp_path, **cloud.environment())
        assert done.returncode == 0, done.stderr
        assert "Run followed: trn-" in done.stderr
        assert cloud.asked("POST *") == 1
