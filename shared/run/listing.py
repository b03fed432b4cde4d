"""Lists the runs of a store: pipeline, progress and start time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from shared.run.ending import FINISHED, read_end
from shared.run.ledger import invocations_named
from shared.run.record import find_record
from shared.run.step_names import shards_named
from shared.run.store import READERS, read_json

if TYPE_CHECKING:
    from shared.run.store import Store


@dataclass(frozen=True)
class ListedRun:
    """One run.

    Attributes:
        run_id: The run's id.
        pipeline: The pipeline.
        engine: The engine of the latest start.
        state: ``finished`` if its result is published, ``failed`` or ``stopped`` if its latest start ended so, else
            ``unfinished``: it still runs, or was killed.
        committed: The number of committed shards.
        shards: The number of all shards.
        starts: How often it was started.
        started_at: The first start, ISO 8601 in UTC; empty if unknown.
        last_started_at: The latest start, in the same form.
        seconds: The duration of the latest start; None if it has not ended, or is unknown.
    """

    run_id: str
    pipeline: str
    engine: str
    state: str
    committed: int
    shards: int
    starts: int
    started_at: str
    last_started_at: str
    seconds: float | None


def list_runs(store: Store) -> list[ListedRun]:
    """Return the runs of a store, the latest started last; folders without a ``job.json`` are ignored.

    Raises:
        TerminalError: A run was made by version 0.1.
    """
    with ThreadPoolExecutor(READERS) as threads:
        runs = [run for run in threads.map(partial(_listed, store), store.folders("runs")) if run]
    return sorted(runs, key=lambda run: (run.last_started_at, run.run_id))


def _listed(store: Store, run_id: str) -> ListedRun | None:
    folder = f"runs/{run_id}"
    if (record := find_record(store, run_id)) is None:
        return None
    numbers = invocations_named(store.names(f"{folder}/invocations"))
    starts = [read_json(store, f"{folder}/invocations/{number}.json") for number in numbers] or [{"claimed_at": ""}]
    end = read_end(store, run_id, numbers[-1]) if numbers else None
    unpublished = end["outcome"] if end and end["outcome"] != FINISHED else "unfinished"
    return ListedRun(
        run_id=run_id,
        pipeline=record["pipeline"],
        engine=starts[-1].get("engine") or record.get("job", {}).get("engine", ""),
        state=FINISHED if "result.json" in store.names(folder) else unpublished,
        committed=len(shards_named(store.names(f"{folder}/manifests"), record["num_shards"])),
        shards=record["num_shards"],
        starts=len(numbers),
        started_at=starts[0]["claimed_at"],
        last_started_at=starts[-1]["claimed_at"],
        seconds=_between(starts[-1]["claimed_at"], end["ended_at"]) if end else None,
    )


def _between(start: str, end: str) -> float:
    """Return the seconds between two moments."""
    return round((datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds(), 3)
