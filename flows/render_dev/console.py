"""The server's own lines on stdout, worded like the official server's."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import TYPE_CHECKING, Any

from flows.render_dev.models import Completed, Failed, Run, Status

if TYPE_CHECKING:
    from collections.abc import Iterable

SHOWN_CHARACTERS = 500


class Console:
    """Prints what happens; a reader that has gone is no reason to stop serving."""

    def __init__(self, *, debug: bool) -> None:
        self._debug = debug

    def say(self, line: str) -> None:
        """Print a line."""
        self._write(line + "\n")

    def output(self, text: str) -> None:
        """Pass a worker's output on, with --debug."""
        if self._debug:
            self._write(text)

    def tasks_found(self, names: Iterable[str], where: str) -> None:
        """List the registered tasks."""
        listed = list(names)
        self.say(f"{len(listed)} task{'s' * (len(listed) != 1)} found in {where}")
        for name in listed:
            self.say(f"  - {name}")

    def running(self, run: Run) -> None:
        """Announce an attempt."""
        self.say(f"{_lead(run, 'running')} input={_short(run.input)}")

    def ended(self, run: Run) -> None:
        """Announce the end of a run."""
        seconds = (run.completed_at - run.started_at).total_seconds() if run.completed_at and run.started_at else 0.0
        match run.status, run.attempts[-1].outcome if run.attempts else None:
            case Status.CANCELED, _:
                self.say(_lead(run, "Cancelled"))
            case _, Failed(error):
                self.say(f"{_lead(run, 'Failed')} - {_short(error)} duration={seconds:.3f}s")
            case _, Completed(output):
                self.say(f"{_lead(run, 'Completed')} output={_short(output or b'null')} duration={seconds:.3f}s")

    def died(self, task_name: str, arguments: Any, attempt: int, reason: str) -> None:  # noqa: ANN401 — any JSON
        """Announce an attempt whose process ended without an answer."""
        self.say(f"Attempt {attempt} of {task_name} died: {reason}; input={_short(json.dumps(arguments))}")

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.write(text)
            sys.stdout.flush()


def _lead(run: Run, what: str) -> str:
    if run.parent:
        return f"  ↳ Subtask (parent: {run.parent.task.name}) {what.lower()}: {run.id} ({run.task.name})"
    return f"Task {what}: {run.id} ({run.task.name})"


def _short(text: str | bytes) -> str:
    shown = text.decode(errors="replace") if isinstance(text, bytes) else text
    return shown if len(shown) <= SHOWN_CHARACTERS else shown[:SHOWN_CHARACTERS] + "..."
