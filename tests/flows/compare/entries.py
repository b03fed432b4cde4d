"""Entries of a ledger, as data: an attempt of a step that began and ended at given seconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2026, 11, 25, 12, tzinfo=UTC)
BOOT = 1_000.0  # seconds of the monotonic clock at START


def at(seconds: float) -> datetime:
    """A moment so many seconds after the start."""
    return START + timedelta(seconds=seconds)


def entry(  # noqa: PLR0913 — one parameter per thing an attempt can differ in
    step: str,
    attempt: int,
    begin: float,
    end: float | None,
    *,
    invocation: int = 1,
    outcome: str = "committed",
    error: str = "",
    ended_by: str = "attempt",
    host: str = "here",
) -> dict[str, Any]:
    """An attempt as the ledger has it; without an end nobody recorded one."""
    ended = None
    if end is not None:
        clock = {"ended_at": at(end).isoformat(), "monotonic": BOOT + end}
        ended = {"outcome": outcome, "ended_by": ended_by, "error": error, **clock}
    return {
        "step": step,
        "invocation": invocation,
        "attempt": attempt,
        "pid": 100 * invocation + attempt,
        "host": host,
        "claimed_at": at(begin).isoformat(),
        "monotonic": BOOT + begin,
        "end": ended,
    }
