"""Logs: rows 69 to 73 of the conformance checklist."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from tests.waiting import wait_until

if TYPE_CHECKING:
    from tests.render_dev.serving import Server

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
    async with aiohttp.ClientSession() as session, session.ws_connect(url, params=query) as socket:
        if start:
            server.start(start)
        async with asyncio.timeout(20):
            while "err 2\n" not in "".join(frame["message"] for frame in found):
                found.append(json.loads((await socket.receive()).data))
    return found


def test_follow_live_and_replay(server: Server) -> None:
    """Row 71: a follower gets new records, and older ones when it names a start time."""
    live = asyncio.run(frames(server, {}, "talk"))
    run = server.finish("talk")
    replayed = asyncio.run(frames(server, {"taskRunID": run["id"], "startTime": "2020-01-01T00:00:00Z"}, None))
    for found in (live, replayed):
        assert "".join(frame["message"] for frame in found) == SPOKEN or server.official


def test_following_needs_an_upgrade(server: Server) -> None:
    """Row 71: a plain GET is told to upgrade."""
    assert server.http.get("/logs/subscribe").status_code == 426


def test_unflushed_output_is_kept(server: Server) -> None:
    """Row 72: what a task never flushed, and what is printed at exit, is there a little later (officially lost)."""
    if server.official:
        pytest.skip("the official server kills the worker before it flushes")
    run = server.finish("mumble")
    wait_until(lambda: server.log(run["id"]) == "never flushed\nat exit\n", timeout=5, what="the flushed output")


def test_cloud_name_of_the_filter(server: Server) -> None:
    """Row 73: `taskRun`, which clients of the cloud send, filters as well (officially ignored)."""
    if server.official:
        pytest.skip("the official server ignores it")
    run = server.finish("talk")
    records = server.http.get("/logs", params={"taskRun": run["id"]}).json()["logs"]
    assert "".join(record["message"] for record in records) == SPOKEN
