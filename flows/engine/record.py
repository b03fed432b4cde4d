"""What an engine itself says of a run: evidence to be checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime  # noqa: TC003 — pydantic reads the annotations
from socket import gethostname

COMPLETED, UNFINISHED = {"completed", "succeeded"}, {"pending", "running", "scheduled", "cancelling"}


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
        """Whether the engine reports the run as unfinished."""
        return self.state in UNFINISHED
