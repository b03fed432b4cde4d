"""Runs cells: those with reported timings alone, others two at a time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from threading import Event
    from types import TracebackType

    from flows.compare.record.observed import Cell
    from flows.engine.column import Column
    from flows.engine.scenario import Scenario

LANES = 2  # cells mostly wait; with more of them, slow starts come close to the timeouts


@dataclass(frozen=True)
class Planned:
    """A cell to run; ``number`` is its place in the report, from 0."""

    number: int
    repeat: int
    scenario: Scenario
    column: Column

    def __str__(self) -> str:
        return f"{self.scenario.name} on {self.column.name}"


Observe = Callable[[Planned], "Cell | None"]
Observed = tuple[Planned, "Cell | None"]


class Lanes:
    """Runs cells in threads that live as long as the block, because a server ends with the thread that started it."""

    def __init__(self, observe: Observe, show: Callable[[str], None], stopping: Event) -> None:
        """No thread runs yet.

        Args:
            observe: Runs one cell; returns None if it could not be observed.
            show: Called with the running cells whenever they change.
            stopping: Set when the block ends with an exception, so that running cells end soon.
        """
        self._observe, self._show, self._stopping = observe, show, stopping
        self._threads = ThreadPoolExecutor(LANES)
        self._running: dict[Future[Cell | None], Planned] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if error is not None:
            self._stopping.set()
        self._threads.shutdown(cancel_futures=True)

    def results(self, cells: list[Planned]) -> Iterator[Observed]:
        """Run all cells, those without faults first, because they set limits; never two cells of one column."""
        first = [each for each in cells if each.scenario.calibrates and each.repeat == 1]
        rest = [each for each in cells if each not in first]
        yield from self._one_by_one(first)
        waiting = [each for each in rest if not each.scenario.alone]
        while waiting or self._running:
            self._fill(waiting)
            yield from self._ended()
        yield from self._one_by_one(each for each in rest if each.scenario.alone)

    def _one_by_one(self, cells: Iterable[Planned]) -> Iterator[Observed]:
        for planned in cells:
            self._show(str(planned))
            yield planned, self._observe(planned)

    def _fill(self, waiting: list[Planned]) -> None:
        for planned in list(waiting):
            busy = {each.column.name for each in self._running.values()}
            if len(busy) < LANES and planned.column.name not in busy:
                waiting.remove(planned)
                self._running[self._threads.submit(self._observe, planned)] = planned
        self._show(", ".join(map(str, self._running.values())))

    def _ended(self) -> Iterator[Observed]:
        for future in wait(self._running, return_when=FIRST_COMPLETED).done:
            yield self._running.pop(future), future.result()
