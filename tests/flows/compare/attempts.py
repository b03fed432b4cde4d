"""Attempts, as data: of a step, begun and ended at given seconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flows.compare.record.observed import Policy
from shared.run.attempts import Attempt, End, Moment

START = datetime(2026, 11, 25, 12, tzinfo=UTC)
BOOT = 1_000.0  # seconds of the monotonic clock at START
POLICY = Policy(max_attempts=4, waits_seconds=(2.0, 3.0, 4.5), timeout_seconds=2.0)


def at(seconds: float) -> datetime:
    """A moment so many seconds after the start."""
    return START + timedelta(seconds=seconds)


def attempt(  # noqa: PLR0913 — one parameter per thing an attempt can differ in
    step: str,
    number: int,
    begin: float,
    end: float | None,
    *,
    invocation: int = 1,
    outcome: str = "committed",
    error: str = "",
    ended_by: str = "attempt",
    host: str = "here",
) -> Attempt:
    """An attempt as the ledger has it; without an end nobody recorded one."""
    ended = None if end is None else End(moment(end, host), ended_by, outcome, error)
    return Attempt(step, invocation, number, 100 * invocation + number, moment(begin, host), ended)


def moment(seconds: float, host: str = "here") -> Moment:
    """The same on both clocks of a host."""
    return Moment(at(seconds), BOOT + seconds, host)
