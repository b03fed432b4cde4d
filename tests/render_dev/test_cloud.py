"""--like-cloud: the limits and defaults that the platform documents and the official local server leaves out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flows.render_dev.models import CLOUD_RETRY
from tests.render_dev.serving import APPS, FORKED, Server, ours
from tests.render_dev.test_cancel import gone, pid_in
from tests.render_dev.test_retries import gaps, statuses
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.servers

FOUR_MB = 4 * 1024 * 1024


@pytest.fixture(scope="module")
def single() -> Iterator[Server]:
    """Serve with one slot only."""
    with ours([*FORKED, "tasks:app"], APPS, "--max-concurrency", "1") as running:
        yield running


def test_runs_beyond_the_limit_are_pending(cloud: Server, tmp_path: Path) -> None:
    """With two slots, a third run is pending without an attempt, starts when a slot is free, and all succeed."""
    gate = tmp_path / "gate"
    runs = [cloud.start("wait_for", [str(gate)]) for _ in range(4)]
    assert [run["status"] for run in runs] == ["running", "running", "pending", "pending"]
    assert [len(run["attempts"]) for run in runs] == [1, 1, 0, 0]
    assert "startedAt" not in runs[2]
    gate.touch()
    assert {cloud.ended(run["id"])["status"] for run in runs} == {"completed"}


def test_never_more_work_than_slots(cloud: Server) -> None:
    """Of six naps at most two overlap at any time."""
    naps = [cloud.ended(run["id"])["results"] for run in [cloud.start("nap", [0.2]) for _ in range(6)]]
    assert max(sum(begin <= moment < end for begin, end in naps) for moment, _ in naps) == 2


def test_wide_fan_out_with_one_slot(single: Server) -> None:
    """A parent that waits holds no slot, so a fan-out of 30 ends even with a single one."""
    assert single.value("fan_out", ["give", [[number] for number in range(30)]])["values"] == list(range(30))


def test_deep_family_with_one_slot(single: Server) -> None:
    """The same holds for a parent of a parent."""
    assert single.value("call", ["call", ["call", ["give", [1]]]]) == {"value": {"value": {"value": 1}}}


def test_canceled_in_the_queue(single: Server, tmp_path: Path) -> None:
    """A run canceled before its first attempt never gets a process."""
    mark, other = tmp_path / "mark", tmp_path / "other"
    first = single.start("nap", [60, str(mark)])
    pid_in(mark)
    queued = single.start("nap", [0, str(other)])
    assert single.cancel(queued["id"]).status_code == 204
    assert single.cancel(first["id"]).status_code == 204
    assert single.value("give", [1]) == 1
    assert not other.exists()
    assert single.run(queued["id"])["attempts"] == []


def test_timeout_kills_and_retries(cloud: Server, tmp_path: Path) -> None:
    """A task that exceeds its timeout_seconds is killed, its attempt fails saying so, and the next one succeeds."""
    counter = tmp_path / "counter"
    run = cloud.ended(cloud.start("hang_once", [str(counter), 60])["id"])
    assert (run["status"], statuses(run)) == ("completed", ["failed", "completed"])
    assert run["attempts"][0]["error"] == "task exceeded its timeout of 1 s and was killed"
    wait_until(lambda: gone([int(pid) for pid in counter.read_text().split()]), timeout=5, what="the killed worker")


def test_large_arguments_are_refused(cloud: Server) -> None:
    """Arguments beyond 4 MB answer 413 with their size; exactly 4 MB pass."""
    answer = cloud.http.post("/task-runs", json={"task": "give", "input": ["x" * FOUR_MB]})
    assert answer.status_code == 413
    assert answer.json() == {"message": f"the input of give is {FOUR_MB + 4} bytes; a run takes at most {FOUR_MB}"}
    assert len(cloud.value("give", ["x" * (FOUR_MB - 4)])) == FOUR_MB - 4


def test_large_arguments_of_subtasks_are_refused(cloud: Server) -> None:
    """The same holds for subtasks; the SDK raises it in the parent without trying again."""
    error = cloud.value("call_large", [FOUR_MB])
    assert error["type"] == "ClientError"
    assert f"status 413: the input of give is {FOUR_MB + 4} bytes" in error["text"]


def test_the_list_comes_in_pages(cloud: Server) -> None:
    """A list has 20 runs, or as many as `limit` says, at most 100; the last one's cursor leads to the next page."""
    root = cloud.finish("fan_out", ["give", [[number] for number in range(120)]])["id"]
    assert len(cloud.runs()) == 20
    pages = [cloud.runs(rootTaskRunId=root, limit="100")]
    pages.append(cloud.runs(rootTaskRunId=root, limit="100", cursor=pages[0][-1]["id"]))
    assert [len(page) for page in pages] == [100, 21]
    family = [run for page in pages for run in page]
    assert len({run["id"] for run in family}) == 121
    assert {run["rootTaskRunId"] for run in family} == {root}
    assert cloud.runs(rootTaskRunId=root, cursor=family[-1]["id"]) == []
    assert cloud.runs(rootTaskRunId="trn-nope") == []


@pytest.mark.parametrize(
    "query", [{"limit": "0"}, {"limit": "101"}, {"limit": "-1"}, {"limit": "x"}, {"cursor": "x"}], ids=str
)
def test_a_page_that_cannot_be_is_refused(cloud: Server, query: dict[str, str]) -> None:
    """The answer is 400 and names what is wrong."""
    answer = cloud.http.get("/task-runs", params=query)
    assert answer.status_code == 400
    assert next(iter(query)) in answer.json()["message"]


def test_default_retries(cloud: Server) -> None:
    """A task that declares no retries is tried again, first after one second."""
    run = cloud.start("fail", ["oh"])
    wait_until(lambda: len(cloud.run(run["id"])["attempts"]) == 2, timeout=10, what="the second attempt")
    assert 1.0 <= gaps(cloud.run(run["id"]))[0] < 2.0
    cloud.cancel(run["id"])


def test_default_waits() -> None:
    """The default is three retries after 1, 2 and 4 seconds."""
    waits = [CLOUD_RETRY.delay(failures) for failures in (1, 2, 3, 4)]
    assert [wait and wait.total_seconds() for wait in waits] == [1, 2, 4, None]
