"""Prints the server's log lines in the format of the official server; for a subtask, only its end."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import TYPE_CHECKING, Any

from flows.render_dev.models import Completed, Failed, Status, TaskRun
from shared.run.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

SHOWN_CHARACTERS, OF_SUBTASK = 500, 60  # characters of an input or an output in a line


class Console:
    """Prints what happens. If the reader is gone, the server continues."""

    def __init__(self, *, debug: bool) -> None:
        self._debug = debug

    def say(self, line: str) -> None:
        """Print a line."""
        self._write(line + "\n")

    def output(self, text: str) -> None:
        """Print a worker's output, with --debug."""
        if self._debug:
            self._write(text)

    def tasks_found(self, names: Iterable[str], where: str) -> None:
        """Print the registered tasks."""
        listed = list(names)
        self.say(f"{len(listed)} task{'s' * (len(listed) != 1)} found in {where}")
        for name in listed:
            self.say(f"  - {name}")

    def running(self, run: TaskRun) -> None:
        """Print that an attempt of a root run starts."""
        if not run.parent:
            self.say(f"{_lead(run, 'running')} input={_short(run.input)}")

    def ended(self, run: TaskRun) -> None:
        """Print the end of a run."""
        seconds = (run.completed_at - run.started_at).total_seconds() if run.completed_at and run.started_at else 0.0
        match run.status, run.attempts[-1].outcome if run.attempts else None:
            case Status.CANCELED, _:
                self.say(_lead(run, "Cancelled"))
            case _, Failed(error):
                self.say(f"{_lead(run, 'Failed')} - {_short(error)} duration={seconds:.3f}s")
            case _, Completed(output):
                shown = _short(output or b"null", OF_SUBTASK if run.parent else SHOWN_CHARACTERS)
                self.say(f"{_lead(run, 'Completed')} output={shown} duration={seconds:.3f}s")

    def died(self, task_name: str, arguments: Any, attempt: int, reason: str) -> None:  # noqa: ANN401 — any JSON
        """Print that the process of an attempt ended without an answer."""
        self.say(f"Attempt {attempt} of {task_name} died: {reason}; input={_short(json.dumps(arguments))}")

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # stdout is gone or closed
            sys.stdout.write(text)
            sys.stdout.flush()


def _lead(run: TaskRun, what: str) -> str:
    if run.parent:
        who = f"{run.id} ({run.task.name}) input={_short(run.input, OF_SUBTASK)}"
        return f"  ↳ Subtask (parent: {run.parent.task.name}) {what.lower()}: {who}"
    return f"Task {what}: {run.id} ({run.task.name})"


def _short(text: str | bytes, characters: int = SHOWN_CHARACTERS) -> str:
    """Return a text on one line, shortened."""
    shown = printable(text.decode(errors="replace") if isinstance(text, bytes) else text, keep="")
    return shown if len(shown) <= characters else shown[:characters] + "..."
