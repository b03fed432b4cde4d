"""The planned action of a job, as a file that all its processes read, and the evidence that it happened."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from pathlib import Path

PLAN, EVIDENCE, EFFECT, STARTS, RUNS, NOTES = "plan.json", "evidence.json", "effect", "starts", "runs", "notes.txt"
ENTRY, END = 0, -1  # instead of a line number: before the first line, after the last line


class Action(StrEnum):
    """What to do at a place."""

    RECORD = "record"
    CRASH = "crash"
    ERROR = "error"
    PAUSE = "pause"
    TWICE = "twice"


@dataclass(frozen=True)
class Place:
    """A moment in a job: before one visit of a line, in one run of a task.

    Attributes:
        task: The task's name.
        run: The run of the task, as ``Probe`` identifies it.
        file: The file of the line, as the interpreter names it; empty without a line.
        line: The line's number from 1; ``ENTRY`` and ``END`` are before and after all lines.
        visit: The visit of this line in this run, from 1.
    """

    task: str
    run: str
    file: str = ""
    line: int = ENTRY
    visit: int = 1


@dataclass(frozen=True)
class Plan:
    """What a job does in addition to its work.

    Attributes:
        action: The action.
        place: The place; None for ``Action.RECORD``.
        by_order: Tasks whose runs are identified by their order, because their arguments differ from job to job.
    """

    action: Action
    place: Place | None = None
    by_order: tuple[str, ...] = ()

    def write(self, folder: Path) -> None:
        """Write the plan of a folder, and remove evidence and records of an earlier one."""
        for name in (STARTS, RUNS):
            (folder / name).mkdir(exist_ok=True)
            for file in (folder / name).iterdir():
                file.unlink()
        for name in (EVIDENCE, EFFECT, NOTES):
            (folder / name).unlink(missing_ok=True)
        new = folder / f"{PLAN}.new"
        new.write_text(json.dumps(asdict(self)))
        new.replace(folder / PLAN)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the plan of a folder."""
        plan = json.loads((folder / PLAN).read_text())
        place = plan["place"]
        return cls(Action(plan["action"]), place and Place(**place), tuple(plan["by_order"]))


@dataclass(frozen=True)
class Evidence:
    """Evidence that an action happened.

    Attributes:
        place: The place.
        pid: The process id.
        file: The file of the line that was executed before; empty if there was none.
        line: The number of that line.
        function: The name of the function at the place.
    """

    place: Place
    pid: int
    file: str
    line: int
    function: str

    def leave(self, folder: Path) -> bool:
        """Write the evidence; return False if it exists, because an action happens once."""
        new = folder / f"{EVIDENCE}.{os.getpid()}-{secrets.token_hex(4)}"
        new.write_text(json.dumps(asdict(self)))
        try:
            os.link(new, folder / EVIDENCE)
        except FileExistsError:
            return False
        finally:
            new.unlink()
        return True

    @classmethod
    def find(cls, folder: Path) -> Self | None:
        """Return the evidence in a folder; None if nothing happened."""
        try:
            found: dict[str, Any] = json.loads((folder / EVIDENCE).read_text())
        except FileNotFoundError:
            return None
        return cls(**found | {"place": Place(**found["place"])})


def fired(folder: Path) -> bool:
    """Whether the action of a folder's plan has happened."""
    return (folder / EVIDENCE).exists()


def leave_effect(folder: Path) -> None:
    """Note that the job got the injected error, or executed its lines once more."""
    (folder / EFFECT).touch()


def had_effect(folder: Path) -> bool:
    """Whether ``leave_effect`` was called."""
    return (folder / EFFECT).exists()


def count_starts(folder: Path) -> int:
    """Return the number of starts of tasks and orchestrators since the plan was written."""
    return len(list((folder / STARTS).iterdir()))


def claim_start(folder: Path, run: str) -> int:
    """Count a start of a run over all processes; return its number, from 1."""
    number = 1
    while True:
        try:
            os.close(os.open(folder / STARTS / f"{run}.{number}", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            number += 1
        else:
            return number
