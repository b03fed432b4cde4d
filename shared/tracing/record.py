"""Records which lines a run of a task executed, and in which order, in one file per run."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Self

from shared.tracing.plan import NOTES, RUNS

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Line:
    """A line that was executed.

    Attributes:
        file: The file.
        line: The line's number.
        function: The name of the function around it.
        visits: How often it was executed.
        first: The position of its first visit in the run, from 0.
        last: The position of its last visit.
        before_first: File and line that were executed before the first visit; None if there is none.
        before_last: File and line that were executed before the last visit; None if there is none.
    """

    file: str
    line: int
    function: str
    visits: int
    first: int
    last: int
    before_first: tuple[str, int] | None
    before_last: tuple[str, int] | None


@dataclass
class RunRecord:
    """A run of a task without faults.

    Attributes:
        task: The task's name.
        key: A key of its arguments, equal if their texts are equal.
        start: The number of this start of the key, from 1.
        order: The number of this start of the task, from 1.
        role: ``task``, or ``orchestrator`` for the code between tasks.
        at: When it began, on this machine's monotonic clock, in nanoseconds.
        lines: The lines that it executed.
        error: The error that it raised, and the line of the job; empty if it returned.
    """

    task: str
    key: str
    start: int
    order: int
    role: str
    at: int
    lines: list[Line] = field(default_factory=list)
    error: str = ""

    def write(self, folder: Path) -> None:
        """Write the record to a folder."""
        new = folder / f"{secrets.token_hex(8)}.new"
        new.write_text(json.dumps(asdict(self)))
        new.rename(folder / RUNS / f"{self.at}-{new.stem}.json")

    @classmethod
    def read(cls, text: str) -> Self:
        """Read a record."""
        found = json.loads(text)
        return cls(**found | {"lines": [_line(line) for line in found["lines"]]})


def note(folder: Path, text: str) -> None:
    """Note what the job does that is not followed."""
    with (folder / NOTES).open("a") as file:
        file.write(text + "\n")


def read_notes(folder: Path) -> list[str]:
    """Read all notes in a folder, without duplicates."""
    try:
        return list(dict.fromkeys((folder / NOTES).read_text().splitlines()))
    except FileNotFoundError:
        return []


def _line(line: dict[str, Any]) -> Line:
    for name in ("before_first", "before_last"):
        line[name] = line[name] and tuple(line[name])
    return Line(**line)


def read_records(folder: Path) -> list[RunRecord]:
    """Read all records in a folder, in the order in which the runs began."""
    records = [RunRecord.read(file.read_text()) for file in (folder / RUNS).iterdir()]
    return sorted(records, key=lambda record: record.at)
