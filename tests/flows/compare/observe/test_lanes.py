"""Which cells run beside which."""

from __future__ import annotations

from collections import Counter
from threading import Event, Lock
from typing import TYPE_CHECKING

import pytest

from flows.compare.observe.lanes import LANES, Lanes, Planned
from flows.registry import COLUMNS
from shared.run.errors import TransientError
from tests.flows.compare.known import SCENARIOS
from tests.waiting import wait_until

if TYPE_CHECKING:
    from flows.compare.record.observed import Cell

BESIDE = ["raise_always", "disk_full_once", "torn_write_once"]
ALONE = ["nothing_breaks", "raise_twice", "at_scale", "kill_orchestrator_then_run_again", "deployed_restart_server"]


def planned(scenarios: list[str], columns: list[str]) -> list[Planned]:
    """Each scenario on each of the columns."""
    pairs = [(scenario, column) for scenario in scenarios for column in columns]
    return [Planned(n, 1, SCENARIOS[scenario], COLUMNS[column]) for n, (scenario, column) in enumerate(pairs)]


class Watched:
    """Observes nothing; notes what runs at once, and lets two cells meet where two may run."""

    def __init__(self, meetings: int) -> None:
        self.running: Counter[str] = Counter()
        self.at_once: list[list[str]] = []
        self._meetings, self._lock = meetings, Lock()

    def __call__(self, planned: Planned) -> Cell | None:
        """Stay until another has come, as often as two must meet."""
        with self._lock:
            self.running[planned.column.name] += 1
            self.at_once.append(list(self.running.elements()))
            meets = len(self.at_once) <= self._meetings
        if meets:
            wait_until(lambda: max(map(len, self.at_once)) == LANES, timeout=20, what="a second cell")
        with self._lock:
            self.running[planned.column.name] -= 1
        return None


def test_two_columns_at_once_and_never_one_twice() -> None:
    """A cell of another column runs beside one; all are run."""
    cells, watched = planned(BESIDE, ["local", "prefect", "render"]), Watched(meetings=2)
    with Lanes(watched, print, Event()) as lanes:
        ran = [each for each, _ in lanes.results(cells)]
    assert sorted(each.number for each in ran) == list(range(len(cells)))
    assert max(map(len, watched.at_once)) == LANES
    assert all(len(set(columns)) == len(columns) for columns in watched.at_once)


def test_what_is_timed_runs_alone_and_last() -> None:
    """Cells whose times are reported, or that stop a server, run alone; those without faults come first."""
    cells, watched = planned([*ALONE, *BESIDE], ["local", "prefect-deployed"]), Watched(meetings=0)
    with Lanes(watched, print, Event()) as lanes:
        ran = [each.scenario.name for each, _ in lanes.results(cells)]
    first = [name for name in ALONE if SCENARIOS[name].calibrates for _ in range(2)]
    last = [name for name in ALONE if name not in first for _ in range(2)]
    assert first == ["nothing_breaks"] * 2
    assert (ran[:2], ran[-len(last) :]) == (first, last)
    assert {len(columns) for columns in [*watched.at_once[:2], *watched.at_once[-len(last) :]]} == {1}


def test_a_stop_reaches_the_cells_that_run() -> None:
    """An end by an exception, as of a cell that could not run, tells the other cell, and starts no more."""
    stopping, begun = Event(), []

    def observe(planned: Planned) -> Cell | None:
        begun.append(str(planned))
        wait_until(lambda: len(begun) == LANES, timeout=20, what="a second cell")
        if planned.column.name == "prefect":
            raise TransientError("its server is gone")
        assert stopping.wait(20)
        return None

    with pytest.raises(TransientError, match="gone"), Lanes(observe, print, stopping) as lanes:
        list(lanes.results(planned(BESIDE, ["local", "prefect", "render"])))
    assert sorted(begun) == ["raise_always on local", "raise_always on prefect"]
