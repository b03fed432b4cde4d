"""Follows one run of a task: counts the visits of its lines, and acts at the planned place."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from shared.tracing.plan import END, ENTRY, Action, Evidence, leave_effect
from shared.tracing.record import Line, note
from shared.tracing.tracer import following

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import CodeType

    from shared.tracing.plan import Place, Plan
    from shared.tracing.record import RunRecord
    from shared.tracing.tracer import Tracer


class InjectedError(ConnectionResetError, TimeoutError):
    """A lost connection that is also a timeout, so code that handles either error handles this one."""


class FollowedRun:
    """Receives each line before it is executed, in the blocks of ``active``. Use it in a ``with`` block."""

    def __init__(self, folder: Path, plan: Plan, record: RunRecord, place: Place | None, tracer: Tracer) -> None:
        """Follow one run.

        Args:
            folder: The folder of the plan.
            plan: The planned action.
            record: The record of this run; its end completes it.
            place: The plan's place, if it is in this run.
            tracer: The tracer that reports lines.
        """
        self._folder, self.plan, self._record, self._place, self._tracer = folder, plan, record, place, tracer
        self._lines: dict[tuple[str, int], Line] = {}
        self._previous: tuple[str, int] | None = None
        self._position = 0
        self._again = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, InjectedError):
            leave_effect(self._folder)
        if error is not None:
            self.fail(error)
        if self.plan.action is Action.RECORD:
            self._record.lines = sorted(self._lines.values(), key=lambda line: line.first)
            self._record.write(self._folder)

    @contextmanager
    def active(self) -> Iterator[None]:
        """Follow the lines that this thread executes in the block."""
        token = following.set(self)
        self._tracer.enter()
        try:
            yield
        finally:
            self._tracer.leave()
            following.reset(token)

    def begin(self) -> None:
        """Act if the place is before all lines."""
        if self._place and self._place.line == ENTRY:
            self._act(self._place, "")

    def end(self) -> bool:
        """Act if the place is after all lines; return whether the work must run once more."""
        if self._place and self._place.line == END:
            self._act(self._place, "")
        return self._again

    def fail(self, error: BaseException) -> None:
        """Record the error that the run raised, and the line of the job."""
        text = " ".join(f"{type(error).__name__}: {error}".split())
        at = self._tracer.own.innermost(error.__traceback__)
        self._record.error = f"{text} ({at})" if at else text

    def line(self, code: CodeType, line: int) -> None:
        """Count a visit, and act if it is the planned one."""
        if self._again:
            self._again = False
            leave_effect(self._folder)
        file, before = code.co_filename, self._previous
        if (seen := self._lines.get((file, line))) is None:
            seen = Line(file, line, code.co_name, 0, self._position, self._position, before, before)
            self._lines[file, line] = seen
        seen.visits += 1
        seen.last, seen.before_last = self._position, before
        place = self._place
        if place is not None and place.line == line and place.visit == seen.visits and place.file == file:
            self._act(place, code.co_name)
        self._position += 1
        self._previous = (file, line)

    def raised(self) -> None:
        """Note that an error from ``line`` is the job's now."""
        leave_effect(self._folder)

    def note(self, text: str) -> None:
        """Note what the task does that is not followed."""
        if self.plan.action is Action.RECORD:
            note(self._folder, f"{self._record.task} {text}")

    def _act(self, place: Place, function: str) -> None:
        file, line = self._previous or ("", 0)
        if not Evidence(place, os.getpid(), file, line, function).leave(self._folder):
            return
        match self.plan.action:
            case Action.CRASH:
                os.kill(os.getpid(), signal.SIGKILL)
            case Action.ERROR:
                raise InjectedError("the connection was lost (an error that was injected to see what a retry does)")
            case Action.PAUSE:  # sent to this thread, so that no further instruction is executed
                signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
            case Action.TWICE:
                self._again = True
            case Action.RECORD:
                pass
