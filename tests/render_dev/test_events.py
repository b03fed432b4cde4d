"""The event stream: rows 57 to 64 of CONFORMANCE.md."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from tests.render_dev.subscription import Subscription
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.render_dev.serving import Server

pytestmark = pytest.mark.servers


@pytest.fixture
def subscribe(server: Server) -> Iterator[Callable[[str], Subscription]]:
    """Open streams, which end with the test."""
    with contextlib.ExitStack() as stack:
        yield lambda query: stack.enter_context(Subscription(server.url, query))


def test_form_of_the_stream(server: Server, subscribe: Callable[[str], Subscription]) -> None:
    """Row 57: headers, the retry hint, and one block of id, event and data per run."""
    run = server.finish("give", [5])
    stream = subscribe(f"taskRunIds={run['id']}")
    assert stream.event() == server.run(run["id"])
    assert stream.headers is not None
    assert stream.headers["content-type"] == "text/event-stream"
    assert stream.headers["cache-control"] == "no-cache"
    assert stream.lines[:4] == ["retry: 2000", "", "id: 0", "event: task.completed"]


@pytest.mark.parametrize("task", ["give", "fail"])
def test_ended_runs_are_reported_at_once(server: Server, subscribe: Callable[[str], Subscription], task: str) -> None:
    """Row 58: who asks after the end hears of it at once."""
    run = server.finish(task, ["x"])
    assert subscribe(f"taskRunIds={run['id']}").event(1)["id"] == run["id"]


def test_only_requested_runs_are_reported(
    server: Server, subscribe: Callable[[str], Subscription], tmp_path: Path
) -> None:
    """Rows 58 and 62: runs of a comma list are reported when they end, and no others."""
    gate = str(tmp_path / "gate")
    runs = [server.start("wait_for", [gate]) for _ in range(3)]
    stream = subscribe(f"taskRunIds={runs[0]['id']},{runs[1]['id']}")
    assert stream.events == []
    (tmp_path / "gate").touch()
    for run in runs:
        server.ended(run["id"])
    wait_until(lambda: len(stream.events) == 2, timeout=1, what="both events")
    assert {event["id"] for event in stream.events} == {runs[0]["id"], runs[1]["id"]}


def test_repeated_parameters(server: Server, subscribe: Callable[[str], Subscription]) -> None:
    """Row 62: ids in repeated parameters are all honoured (the official server takes the first)."""
    runs = [server.finish("give", [number]) for number in range(2)]
    stream = subscribe("&".join(f"taskRunIds={run['id']}" for run in runs))
    wait_until(lambda: len(stream.events) == (1 if server.official else 2), timeout=5, what="the events")


def test_sdk_follows_very_many_runs(server: Server) -> None:
    """Row 62: the SDK's stream of 400 runs is accepted (the official server listens to the first of them)."""
    run = server.finish("give", [5])["id"]
    with server.sdk() as workflows:
        events = workflows.task_run_events([run, *(f"trn-{number:020}" for number in range(400))])
        assert next(events).id == run


def test_cancel_is_reported(server: Server, subscribe: Callable[[str], Subscription]) -> None:
    """Row 59: a canceled run is reported without an error."""
    run = server.start("nap", [60])
    stream = subscribe(f"taskRunIds={run['id']}")
    server.cancel(run["id"])
    event = stream.event()
    assert (event["status"], "error" in event) == ("canceled", False)


def test_canceled_before_subscribing(server: Server, subscribe: Callable[[str], Subscription]) -> None:
    """Row 61: a run canceled before is reported, too (the official server says nothing)."""
    run = server.start("nap", [60])
    server.cancel(run["id"])
    stream = subscribe(f"taskRunIds={run['id']}")
    if not server.official:
        assert stream.event()["status"] == "canceled"


def test_a_failed_attempt_is_no_event(server: Server, subscribe: Callable[[str], Subscription], tmp_path: Path) -> None:
    """Row 60: while retries are left nothing is reported (the official server reports each failed attempt)."""
    run = server.start("flaky", [str(tmp_path / "counter"), 3])
    stream = subscribe(f"taskRunIds={run['id']}")
    server.ended(run["id"])
    assert stream.event()["status"] in {"completed"} | ({"failed"} if server.official else set())
    if not server.official:
        assert len(stream.events) == 1


def test_sdk_run_task(server: Server, tmp_path: Path) -> None:
    """Rows 60 and 64: `run_task` returns details or raises the error, and does not see attempts that failed before."""
    from render.client.errors import TaskRunError

    with server.sdk() as workflows:
        assert workflows.run_task("give", [{"a": 1}]).results == [{"a": 1}]
        with pytest.raises(TaskRunError, match="oh no"):
            workflows.run_task("fail", ["oh no"])
        if not server.official:
            assert workflows.run_task("flaky", [str(tmp_path / "counter"), 2]).results == [{"attempt": 2}]


def test_async_sdk(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Row 64: the asynchronous client's `await start_task` does the same."""
    from render import RenderAsync

    monkeypatch.setenv("RENDER_LOCAL_DEV_URL", server.url)

    async def run() -> list[Any]:
        workflows = RenderAsync().workflows
        async with workflows.client.internal:
            started = await workflows.start_task("give", [3])
            results: list[Any] = (await started).results
            return results

    assert asyncio.run(run()) == [3]


def test_zz_idle_stream_is_kept_open(idle_stream: Subscription) -> None:
    """Row 63: a stream without news lives on, and a ping comes every 25 s."""
    wait_until(lambda: ": ping" in idle_stream.lines, timeout=40, what="the ping after 25 s")
    assert idle_stream.lines[:4] == ["retry: 2000", "", ": ping", ""]
