"""What the engines' own records say: orphans of a run, and whose clock their times are of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from flows.compare.judge.history import History
from flows.compare.judge.timing import Machine, timing_mismatches
from flows.compare.observe.ends import Ends
from flows.on_render.api import RenderApi
from flows.on_render.columns.records import render_record
from shared.run.attempts import Attempt, Moment
from tests.flows.compare.attempts import POLICY
from tests.render_cloud import render_cloud

if TYPE_CHECKING:
    from flows.engine.record import Record
    from tests.render_cloud import Answer

pytestmark = pytest.mark.servers

Json = dict[str, Any]
SLOW = POLICY.model_copy(update={"timeout_seconds": 600.0})


def attempt(started: int, completed: int | None, enqueued: int | None = None) -> Json:
    """An attempt by seconds after noon, on a clock that is years ahead of this machine's."""
    times = {"enqueuedAt": enqueued, "startedAt": started, "completedAt": completed}
    known = {name: f"2031-01-01T12:00:{second:02}Z" for name, second in times.items() if second is not None}
    return {"status": "x"} | known


def record_of(root: list[Json], below: list[tuple[object, list[Json]]], host: str = "") -> Record:
    """The record of a root run with these attempts, and of its subtasks, by their first argument."""
    runs = [("trn-0", {}, root), *((f"trn-{n}", first, attempts) for n, (first, attempts) in enumerate(below, start=1))]
    details = {
        name: {
            "id": name,
            "status": "x",
            "rootTaskRunId": "trn-0",
            "input": [first],
            "startedAt": attempts[0]["startedAt"],
            "attempts": attempts,
        }
        for name, first, attempts in runs
    }

    def upstream(_method: str, path: str, _body: Any) -> Answer:
        if path == "/task-runs":
            return 200, [{"cursor": name, "taskRun": run} for name, run in details.items()]
        return 200, details[path.rsplit("/", 1)[-1]]

    with render_cloud(upstream) as cloud, RenderApi(cloud.endpoint()) as api:
        return render_record(api, "trn-0", host)


def test_a_subtask_that_outlives_its_run_is_an_orphan() -> None:
    """After a kill -9 of the orchestrator shards run on; a second start can meet them, and 0.1 did not see it."""
    ended, late, never = [attempt(1, 4)], [attempt(3, 9)], [attempt(3, None)]
    record = record_of([attempt(0, 5)], [({}, ended), (0, ended), (3, late), (7, never)])
    assert record.orphans == ["shard-003", "shard-007"]
    assert list(record.attempts) == ["stage", "shard-000", "shard-003", "shard-007"]


def test_all_pages_of_a_large_run_are_read() -> None:
    """The cloud answers with 100 runs at a time; 250 shards, the staging and the aggregation are three pages."""
    shards: list[tuple[object, list[Json]]] = [(shard, [attempt(2, 3)]) for shard in range(250)]
    record = record_of([attempt(0, 9)], [({}, [attempt(1, 2)]), *shards, ({}, [attempt(4, 5)])])
    assert len(record.attempts) == 252
    assert {"stage", "shard-000", "shard-249", "aggregate"} <= record.attempts.keys()


def test_a_run_that_still_runs_has_no_orphans() -> None:
    """Its subtasks are where they belong."""
    assert record_of([attempt(0, None)], [({}, [attempt(1, None)])]).orphans == []


def test_queueing_is_read_from_the_platforms_own_clock() -> None:
    """Whatever it says in ours; a run that still runs has taken no time that is known."""
    record = record_of([attempt(2, None, 0)], [({}, [attempt(8, 20, 3)])])
    assert record.queued == {"root": [2.0], "stage": [5.0]}
    assert record.seconds == {"root": 0.0, "stage": 12.0}


@pytest.mark.parametrize(
    ("host", "claimed", "clock", "judged"), [("Render", 22, "different", False), ("worker", 31, "wall", True)]
)
def test_a_wait_between_two_clocks_is_not_judged(host: str, claimed: int, clock: str, *, judged: bool) -> None:
    """The first attempt died, so the platform tells its end, whose clock is ten seconds ahead."""
    record = record_of([attempt(0, None)], [({}, [attempt(1, 2)]), (2, [attempt(13, 30), attempt(32, 40)])], host)
    history = History(Ends([record]).of([_claim(1, 3), _claim(2, claimed)]), SLOW)
    assert [wait.clock for wait in history.waits] == [clock]
    mismatches = timing_mismatches(history, Machine(2, 0.0, 0.0), set())
    assert bool(mismatches) is judged, mismatches


def _claim(number: int, second: int) -> Attempt:
    claimed = Moment(datetime(2031, 1, 1, 12, 0, second, tzinfo=UTC), float(second), "worker")
    return Attempt("shard-002", 1, number, 1, claimed, None)
