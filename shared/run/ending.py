"""How each start of a run ended, as whoever took it through its steps saw it; a start that is killed leaves nothing."""

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
    """Record how the block ends that takes a job through its steps.

    It is for people who list runs: a store that does not take it changes nothing.

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
    """``outcome`` and ``ended_at`` of a start; None for one that still runs, was killed, or is of version 0.2."""
    try:
        return read_json(store, _name(run_id, invocation))
    except FileNotFoundError:
        return None


def _name(run_id: str, invocation: int) -> str:
    return f"runs/{run_id}/ends/{invocation}.json"
