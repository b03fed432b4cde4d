"""Finds differences between the engine's record and the evidence, and processes that outlive their run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.compare.judge.history import History
    from flows.compare.record.observed import Observation


def findings(seen: Observation, history: History) -> list[str]:
    """Return all findings in words."""
    return [
        *_lingering(seen),
        *_of_store(seen),
        *_of_engine(seen),
        *_of_clocks(history),
        *_of_overlaps(history),
    ]


def _lingering(seen: Observation) -> Iterator[str]:
    for number, start in enumerate(seen.starts, start=1):
        if start.answered and not start.ended:
            yield f"the process of start {number} had answered, and did not end"


def _of_store(seen: Observation) -> Iterator[str]:
    store = seen.store
    if store.other_bytes:
        yield f"files of {store.other_bytes} shards differ in their bytes; their records are equal"
    if store.left:
        yield f"the output folder has files of {store.left} shards, and the run published no result"
    if store.unverified and not store.finished:
        yield f"of the run that has no result, {store.unverified}"


def _of_engine(seen: Observation) -> Iterator[str]:
    for number, record in enumerate(seen.engine, start=1):
        if record.unfinished and not seen.continues:
            yield f"the engine says that start {number} is still {record.state}, but it has ended"
        if record.orphans:
            yield f"{', '.join(record.orphans)} of start {number} continued after their parent had ended"
    if seen.engine and seen.engine[-1].completed and not seen.store.finished:
        yield "the engine says completed, and no result is published"


def _of_clocks(history: History) -> Iterator[str]:
    if two := [f"{wait.step}, retry {wait.retry}" for wait in history.waits if wait.clock == "different"]:
        yield f"clocks differ, so these waits are not judged: {'; '.join(two)}"


def _of_overlaps(history: History) -> Iterator[str]:
    for first, second in history.overlaps:
        if first.invocation != second.invocation:
            yield f"{first.name} still ran when {second.name} began"
