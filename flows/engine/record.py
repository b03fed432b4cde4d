"""What an engine itself says of a run: evidence to be checked."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from socket import gethostname
from typing import Any

COMPLETED, UNFINISHED = {"completed", "succeeded"}, {"pending", "running", "scheduled", "cancelling"}
TIMES = "enqueuedAt", "startedAt", "completedAt"  # of an attempt on Render
Json = dict[str, Any]


@dataclass(frozen=True)
class Record:
    """One start of a run, as its engine tells it.

    Attributes:
        state: Of the whole run, in small letters.
        attempts: How many of each step.
        ends: When each of them ended, by step; None for one without an end.
        states: What each step went through, in the engine's words.
        id: The engine's own name of it.
        queued: Seconds from the moment an attempt was due to its start, by step, where the platform records both.
        seconds: How long the attempts took together, by step, where the platform records it.
        orphans: Steps that were still running when the run itself had ended.
        host: Whose clock the times are of.
    """

    state: str
    attempts: dict[str, int] = field(default_factory=dict)
    ends: dict[str, list[datetime | None]] = field(default_factory=dict)
    states: dict[str, list[str]] = field(default_factory=dict)
    id: str = ""
    queued: dict[str, list[float]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    orphans: list[str] = field(default_factory=list)
    host: str = field(default_factory=gethostname)

    @property
    def completed(self) -> bool:
        """Whether the engine says that the run succeeded."""
        return self.state in COMPLETED

    @property
    def unfinished(self) -> bool:
        """Whether the engine says that the run goes on."""
        return self.state in UNFINISHED

    def add(self, step: str, attempts: list[Json]) -> None:
        """Add what Render says of a step's attempts; all times are of its own clock."""
        times = [{name: _time(attempt.get(name)) for name in TIMES} for attempt in attempts]
        self.attempts[step] = len(attempts)
        self.ends[step] = [time["completedAt"] for time in times]
        self.states[step] = [f"{a['status']} {a['startedAt']} to {a.get('completedAt')}" for a in attempts]
        self.queued[step] = [took for time in times if (took := _between(time, "enqueuedAt", "startedAt")) is not None]
        self.seconds[step] = sum(_between(time, "startedAt", "completedAt") or 0.0 for time in times)

    def to_json(self) -> Json:
        """The evidence; ends are in the states."""
        return {key: value for key, value in asdict(self).items() if key != "ends"}


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _between(times: dict[str, datetime | None], first: str, second: str) -> float | None:
    begin, end = times[first], times[second]
    return (end - begin).total_seconds() if begin and end else None
