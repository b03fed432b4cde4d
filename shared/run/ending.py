"""Records how each start of a run ended. A killed start leaves no record."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from shared.run.store import create_json, open_store, read_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.run.job import Job
    from shared.run.store import Store

FINISHED, FAILED, STOPPED = "finished", "failed", "stopped"


@contextmanager
def recorded(job: Job) -> Iterator[None]:
    """Record how the block ends, which takes a job through its steps.

    The record is only shown in lists of runs, so an error of the store is ignored.

    Args:
        job: An opened job.
    """
    outcome = STOPPED  # by Ctrl-C or a cancel
    try:
        yield
        outcome = FINISHED
    except Exception:
        outcome = FAILED
        raise
    finally:
        end = {"outcome": outcome, "ended_at": datetime.now(UTC).isoformat(timespec="microseconds")}
        with suppress(Exception):
            create_json(open_store(job.store_url), _name(job.run_id, job.invocation), end)


def read_end(store: Store, run_id: str, invocation: int) -> dict[str, Any] | None:
    """Return ``outcome`` and ``ended_at`` of a start; None if it still runs, was killed, or is of version 0.2."""
    try:
        return read_json(store, _name(run_id, invocation))
    except FileNotFoundError:
        return None


def _name(run_id: str, invocation: int) -> str:
    return f"runs/{run_id}/ends/{invocation}.json"
