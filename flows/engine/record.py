"""The engine's own record of a run, which the comparison checks."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime  # noqa: TC003 — pydantic reads the annotations
from socket import gethostname

COMPLETED, UNFINISHED = {"completed", "succeeded"}, {"pending", "running", "scheduled", "cancelling"}


@dataclass(frozen=True)
class Record:
    """The engine's record of one start of a run.

    Attributes:
        state: The state of the whole run, in lower case.
        attempts: The number of attempts by step.
        ends: The end of each attempt by step; None for an attempt without an end.
        states: The states of each step, in the engine's words.
        id: The engine's id of the run.
        queued: Seconds between the time when an attempt was due and its start, by step, if the platform records both.
        seconds: The total duration of the attempts by step, if the platform records it.
        orphans: Steps that were still running when the run had ended.
        host: The host whose clock the times are from.
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
        """Whether the engine reports that the run succeeded."""
        return self.state in COMPLETED

    @property
    def unfinished(self) -> bool:
        """Whether the engine reports the run as unfinished."""
        return self.state in UNFINISHED
