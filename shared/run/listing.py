"""The runs of a store: what each runs, how far it is, when it was started."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from shared.run.ledger import invocations_named, shards_named
from shared.run.record import find_record
from shared.run.store import READERS, read_json

if TYPE_CHECKING:
    from shared.run.store import Store


@dataclass(frozen=True)
class ListedRun:
    """One run.

    Attributes:
        run_id: Its name.
        pipeline: What runs.
        state: ``finished`` when its result is published, else ``unfinished``: running, failed or stopped.
        committed: Shards that count.
        shards: All of them.
        starts: How often it was started.
        started_at: When it was started first, ISO 8601 in UTC; empty when that was not written down.
        last_started_at: The latest start, as above.
    """

    run_id: str
    pipeline: str
    state: str
    committed: int
    shards: int
    starts: int
    started_at: str
    last_started_at: str


def list_runs(store: Store) -> list[ListedRun]:
    """The runs of a store, the latest started last; folders without a ``job.json`` are no runs.

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
    starts = invocations_named(store.names(f"{folder}/invocations"))
    times = [read_json(store, f"{folder}/invocations/{start}.json")["claimed_at"] for start in starts]
    return ListedRun(
        run_id=run_id,
        pipeline=record["pipeline"],
        state="finished" if "result.json" in store.names(folder) else "unfinished",
        committed=len(shards_named(store.names(f"{folder}/manifests"), record["num_shards"])),
        shards=record["num_shards"],
        starts=len(starts),
        started_at=times[0] if times else "",
        last_started_at=times[-1] if times else "",
    )
