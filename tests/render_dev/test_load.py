"""Many runs, rude clients and nonsense: none of them takes the server down."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
import httpx
import psutil
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.render_dev.serving import FORKED, JSON_BODY, Server, descendants, ours
from tests.render_dev.test_subtasks import post
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.servers

MEGABYTE = 1024 * 1024
few = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
paths = st.text(st.characters(exclude_categories=["C"]), max_size=20)
fields = st.sampled_from(["task", "input", "idempotencyKey", "task_name", "idempotency_key", "created_at", "complete"])
bodies = json_values | st.dictionaries(fields, json_values, max_size=3)


@pytest.fixture(scope="module")
def busy() -> Iterator[Server]:
    """Serve apps/tasks.py for this module alone."""
    with ours([*FORKED, "tasks:app"]) as running:
        yield running


def lives(server: Server) -> None:
    """Check that the server still starts runs."""
    assert server.value("give", [1]) == 1


def test_two_hundred_at_once(busy: Server, tmp_path: Path) -> None:
    """200 runs are alive at the same time, and all of them succeed."""
    gate = tmp_path / "gate"
    runs = [busy.start("wait_for", [str(gate)])["id"] for _ in range(200)]
    wait_until(lambda: len(descendants(busy.pid)) > 200, timeout=60, what="200 workers at once")
    gate.touch()
    assert {busy.ended(run, 60)["status"] for run in runs} == {"completed"}


def test_a_thousand_finished_runs_stay_small(busy: Server) -> None:
    """1,000 finished runs fit into 150 MB, and the list of all is complete."""
    while len(busy.runs()) < 1000:
        assert busy.finish("fan_out", ["give", [[number] for number in range(100)]])["status"] == "completed"
    assert psutil.Process(busy.pid).memory_info().rss < 150 * MEGABYTE


def test_clients_that_leave(busy: Server) -> None:
    """Clients that vanish in the middle of a request, a stream or a WebSocket harm nobody."""
    where = urlsplit(busy.url)
    body = json.dumps({"task": "give", "input": []})
    kind = "Content-Type: application/json"
    requests = [
        f"POST /v1/task-runs HTTP/1.1\r\nHost: localhost\r\n{kind}\r\nContent-Length: {len(body)}\r\n\r\n{body}",
        "POST /v1/task-runs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{",
        "GET /v1/tasks HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /v1/task-runs/events?taskRunIds=a HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ]
    for request in requests * 10:
        with socket.create_connection((str(where.hostname), int(where.port or 0)), timeout=5) as connection:
            connection.sendall(request.encode())

    async def leave_logs() -> None:
        async with aiohttp.ClientSession() as session:
            for _ in range(10):
                await (await session.ws_connect(f"{busy.url}/v1/logs/subscribe")).close()

    asyncio.run(leave_logs())
    lives(busy)


@few
@given(st.binary(max_size=200))
@example(b"GET / HTTP/9.9\r\n\r\n")
@example(b"POST /v1/task-runs HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
def test_noise_on_the_port(busy: Server, noise: bytes) -> None:
    """Bytes that are not HTTP are answered or dropped, and the next request works."""
    where = urlsplit(busy.url)
    with socket.create_connection((str(where.hostname), int(where.port or 0)), timeout=5) as connection:
        connection.sendall(noise)
    assert busy.http.get("/task-runs/trn-nope").status_code == 404


@few
@given(bodies)
@example({"task": ["give"], "input": {"": "\ud800"}})
def test_nonsense_bodies(busy: Server, body: Any) -> None:
    """Any JSON as the body of a start is refused with a reason, or starts what it names."""
    answer = busy.http.post("/task-runs", content=json.dumps(body), headers=JSON_BODY)
    assert answer.status_code in {202, 400, 404}
    assert answer.status_code == 202 or answer.json()["message"]


@few
@given(st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH"]), paths, paths)
def test_nonsense_paths(busy: Server, method: str, path: str, query: str) -> None:
    """Any path below /v1 is answered, and none of it is an error of the server."""
    url = httpx.URL(busy.url).copy_with(path=f"/v1/{path}", params={"taskRunIds": query, "startTime": query})
    with busy.http.stream(method, url) as answer:
        assert answer.status_code < 500


def test_deeply_nested_bodies(busy: Server) -> None:
    """A body nested beyond what a parser takes is refused."""
    body = b'{"task":"give","input":' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    answer = busy.http.post("/task-runs", content=body, headers=JSON_BODY)
    assert answer.status_code == 400
    lives(busy)


def test_bodies_with_nan(busy: Server) -> None:
    """NaN is not JSON, and refused."""
    answer = busy.http.post("/task-runs", content=b'{"task":"give","input":[NaN]}', headers=JSON_BODY)
    assert answer.status_code == 400


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(bodies, min_size=5, max_size=10))
def test_nonsense_of_a_worker(scripted: Server, bodies: list[Any]) -> None:
    """A worker that sends nonsense to every route gets answers, and its run ends."""
    paths = ["/callback", "/run-subtask", "/get-subtask-result", "/register-tasks"]
    steps = [post(path, json.dumps(body)) for body in bodies for path in paths]
    if scripted.official:
        pytest.skip("some of these crash its connections")
    run = scripted.finish("script", [{"steps": steps}])
    assert run["status"] in {"completed", "failed"}
    assert [task["name"] for task in scripted.tasks()] == ["script", "other"]
