"""A folder with a plan, a probe, and what was left there; processes that a plan may kill."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.tracing.own_code import OwnCode
from shared.tracing.plan import Action, Evidence, Place, Plan
from shared.tracing.probe import Probe, run_name
from shared.tracing.record import RunRecord, read_notes, read_records
from tests.shared.tracing import followed_functions

if TYPE_CHECKING:
    from collections.abc import Callable

FILE = str(Path(followed_functions.__file__).resolve())


@dataclass
class Following:
    """A folder in which functions are followed."""

    folder: Path
    probe: Probe = field(init=False)

    def __post_init__(self) -> None:
        """Follow nothing yet."""
        self.probe = Probe(self.folder, OwnCode())

    def record(self, call: Callable[[], Any]) -> list[RunRecord]:
        """What a call executes without faults."""
        Plan(Action.RECORD).write(self.folder)
        with suppress(ValueError):
            call()
        return read_records(self.folder)

    def notes(self) -> list[str]:
        """What was noted."""
        return read_notes(self.folder)

    def plan(self, action: Action, record: RunRecord, line: int, visit: int = 1, *, by_order: bool = False) -> None:
        """Let something happen in the run that a record is of."""
        name = run_name(record, by_order=by_order)
        file = FILE if line > 0 else ""
        ordered = (record.task,) if by_order else ()
        Plan(action, Place(record.task, name, file, line, visit), ordered).write(self.folder)

    def evidence(self) -> Evidence | None:
        """What happened."""
        return Evidence.find(self.folder)


def status_of(call: Callable[[], Any]) -> int:
    """The wait status of a fork that makes a call, also where it is only stopped; it is gone afterwards."""
    if (pid := os.fork()) == 0:
        with suppress(BaseException):
            call()
            os._exit(0)
        os._exit(1)
    _, status = os.waitpid(pid, os.WUNTRACED)
    if os.WIFSTOPPED(status):
        os.kill(pid, 9)
        os.waitpid(pid, 0)
    return status


def line_of(text: str) -> int:
    """The number of the only line of the functions that holds a text."""
    lines = Path(FILE).read_text().splitlines()
    [number] = [number for number, line in enumerate(lines, 1) if text in line]
    return number
