"""Logs: rows 69 to 73 of CONFORMANCE.md."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import aiohttp
import psutil
import pytest

from flows.render_dev.logs import KEPT_BYTES
from tests.render_dev.serving import FORKED, ours
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.render_dev.serving import Server

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def busy() -> Iterator[Server]:
    """Our server for a flood of output; the official one keeps all of it."""
    with ours([*FORKED, "tasks:app"]) as running:
        yield running


SPOKEN = "".join(f"out {number} é\nerr {number}\n" for number in range(3))


def test_output_of_a_run(server: Server) -> None:
    """Row 69: what a task wrote and flushed to both streams is there when it has ended, in order."""
    run = server.finish("talk")
    assert server.log(run["id"]) == SPOKEN or server.official
    document = server.http.get("/logs", params={"taskRunID": run["id"]}).json()
    assert {key: document[key] for key in ("hasMore", "nextEndTime", "nextStartTime")} == {
        "hasMore": False,
        "nextEndTime": "0001-01-01T00:00:00Z",
        "nextStartTime": "0001-01-01T00:00:00Z",
    }
    assert all(set(record) == {"id", "labels", "message", "timestamp"} for record in document["logs"])


def test_several_runs(server: Server) -> None:
    """Row 69: a comma list names several runs."""
    ids = [server.finish("talk")["id"] for _ in range(2)]
    records = server.http.get("/logs", params={"taskRunID": ",".join(ids)}).json()["logs"]
    assert len("".join(record["message"] for record in records)) == 2 * len(SPOKEN)


def test_filters(server: Server) -> None:
    """Row 70: texts are alternatives, times are limits, and a bad time is refused."""
    run = server.finish("talk")
    before = datetime.now(UTC).isoformat()

    def select(**query: str) -> list[str]:
        records = server.http.get("/logs", params={"taskRunID": run["id"]} | query).json()["logs"]
        return [record["message"] for record in records]

    assert all("out 1" in message or "err 2" in message for message in select(text="out 1,err 2"))
    assert select(text="out 1,err 2")
    assert select(text="nonsense") == []
    assert select(startTime=before) == []
    assert "".join(select(endTime=before)) == server.log(run["id"])
    assert server.http.get("/logs", params={"startTime": "yesterday"}).status_code == 400


async def frames(server: Server, query: dict[str, str], start: str | None) -> list[dict[str, Any]]:
    """Follow logs until all that `talk` says has come; start the task meanwhile when it is named."""
    url = f"{server.url}/v1/logs/subscribe"
    found: list[dict[str, Any]] = []
    async with aiohttp.ClientSession() as session, session.ws_connect(url, params=query) as connection:
        if start:
            server.start(start)
        async with asyncio.timeout(20):
            while "err 2\n" not in "".join(frame["message"] for frame in found):
                found.append(json.loads((await connection.receive()).data))
    return found


def test_follow_live_and_replay(server: Server) -> None:
    """Row 71: a follower gets new records, and older ones when it names a start time."""
    live = asyncio.run(frames(server, {}, "talk"))
    run = server.finish("talk")
    replayed = asyncio.run(frames(server, {"taskRunID": run["id"], "startTime": "2020-01-01T00:00:00Z"}, None))
    for found in (live, replayed):
        assert "".join(frame["message"] for frame in found) == SPOKEN or server.official


def test_a_flood_of_output_is_bounded(busy: Server) -> None:
    """Row 76: tasks that print without end cost the server a bounded memory; the latest output is kept."""
    before = psutil.Process(busy.pid).memory_info().rss
    with follower(busy):
        runs = [busy.start("flood", [150])["id"] for _ in range(2)]
        peak = before
        while not {busy.run(run)["status"] for run in runs} <= {"completed", "failed"}:
            peak = max(peak, psutil.Process(busy.pid).memory_info().rss)
    assert [busy.run(run)["status"] for run in runs] == ["completed", "completed"]
    assert peak - before < 4 * KEPT_BYTES
    # Of the one that printed last: the other may have ended so long before that its end is not kept.
    wait_until(
        lambda: any(busy.log(run).endswith("the end\n") for run in runs), timeout=60, what="the end of the output"
    )
    assert sum(len(record["message"]) for record in busy.http.get("/logs").json()["logs"]) <= KEPT_BYTES
    assert busy.log(busy.finish("talk")["id"]) == SPOKEN


@contextmanager
def follower(server: Server) -> Iterator[None]:
    """A client that follows all logs and reads none of them."""
    host = server.url.removeprefix("http://")
    address, _, port = host.partition(":")
    key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    request = (
        f"GET /v1/logs/subscribe HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{key}\r\n"
    )
    with socket.create_connection((address, int(port)), timeout=10) as connection:
        connection.sendall(request.encode())
        assert connection.recv(12) == b"HTTP/1.1 101"
        yield


@pytest.mark.parametrize("count", [1000, 2000])
def test_very_many_runs_may_be_named(server: Server, count: int) -> None:
    """Row 69: a query names a thousand runs and more, those with output and those that nobody knows."""
    if server.official and count > 1000:
        pytest.skip("it was seen to take 1,000")
    run = server.finish("talk")["id"]
    ids = [run, *(f"trn-{number:020}" for number in range(count))]
    answer = server.http.get("/logs", params={"taskRunID": ",".join(ids)})
    assert answer.status_code == 200
    assert "err 2" in answer.text


def test_following_needs_an_upgrade(server: Server) -> None:
    """Row 71: a plain GET is asked to upgrade."""
    assert server.http.get("/logs/subscribe").status_code == 426


def test_unflushed_output_is_kept(server: Server) -> None:
    """Row 72: what a task never flushed, and what is printed at exit, is there a little later (officially lost)."""
    if server.official:
        pytest.skip("the official server kills the worker before it flushes")
    run = server.finish("mumble")
    wait_until(lambda: server.log(run["id"]) == "never flushed\nat exit\n", timeout=30, what="the flushed output")


def test_cloud_name_of_the_filter(server: Server) -> None:
    """Row 73: `taskRun`, which clients of the cloud send, filters as well (officially ignored)."""
    if server.official:
        pytest.skip("the official server ignores it")
    run = server.finish("talk")
    records = server.http.get("/logs", params={"taskRun": run["id"]}).json()["logs"]
    assert "".join(record["message"] for record in records) == SPOKEN
