"""Reports each line of the job's own code before it runs (``sys.settrace``, from Python 3.12 ``sys.monitoring``).

Both work inside the followed process and change nothing in it. They follow what runs in the context of ``following``:
the thread of a task, and the coroutines that it awaits.
"""

from __future__ import annotations

import sys
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType

    from shared.tracing.own_code import OwnCode

    TraceFunction = Callable[[FrameType, str, Any], Any]

TOOL, TOOL_NAME = 4, "shardwise"  # sys.monitoring has six tool ids; 3 and 4 are free


class Follower(Protocol):
    """Receives the lines."""

    def line(self, code: CodeType, line: int) -> None:
        """Receive a line that is about to be executed; an error that this raises is raised there."""

    def raised(self) -> None:
        """Note that an error of ``line`` is about to be raised there."""

    def note(self, text: str) -> None:
        """Note something that the task does and that is not followed."""


following: ContextVar[Follower | None] = ContextVar("following", default=None)


class Tracer(Protocol):
    """Calls a follower for each line.

    Attributes:
        own: The code whose lines it reports.
    """

    own: OwnCode

    def enter(self) -> None:
        """Begin to follow the lines of this thread; calls nest."""

    def leave(self) -> None:
        """End what the last call of ``enter`` began."""


def _report(follower: Follower, code: CodeType, line: int) -> None:
    try:
        follower.line(code, line)
    except BaseException:
        follower.raised()
        raise


class SetTrace:
    """Uses ``sys.settrace``, which works per thread."""

    def __init__(self, own: OwnCode) -> None:
        self.own = own
        self._function: TraceFunction = self._call
        self._thread = threading.local()

    def enter(self) -> None:
        """Begin to follow the lines of this thread."""
        depth = getattr(self._thread, "depth", 0)
        if depth == 0:
            self._thread.before = sys.gettrace()
            sys.settrace(self._function)
        self._thread.depth = depth + 1

    def leave(self) -> None:
        """End what the last call of ``enter`` began."""
        self._thread.depth -= 1
        follower, now = following.get(), sys.gettrace()
        if now not in {self._function, None} and follower is not None:
            follower.note("calls sys.settrace itself; lines after that are not tried")
        if self._thread.depth == 0:
            sys.settrace(self._thread.before)
        elif now is not self._function:
            sys.settrace(self._function)

    def _call(self, frame: FrameType, event: str, _argument: object) -> TraceFunction | None:
        follows = event == "call" and following.get() is not None and self.own.has(frame.f_code)
        return self._line if follows else None

    def _line(self, frame: FrameType, event: str, _argument: object) -> TraceFunction:
        if event == "line" and (follower := following.get()) is not None:
            _report(follower, frame.f_code, frame.f_lineno)
        return self._line


class Monitoring:
    """Uses ``sys.monitoring``, which works per interpreter and slows down only the job's own functions."""

    def __init__(self, own: OwnCode) -> None:
        self.own = own
        self._monitoring: Any = sys.monitoring  # type: ignore[attr-defined, unused-ignore] # the types are of 3.11
        self._lock, self._depth = threading.Lock(), 0

    def enter(self) -> None:
        """Begin to follow the lines of this thread."""
        with self._lock:
            if self._depth == 0:
                self._start()
            self._depth += 1

    def leave(self) -> None:
        """End what the last call of ``enter`` began."""
        with self._lock:
            self._depth -= 1
            if self._depth == 0:
                self._monitoring.set_events(TOOL, 0)
                self._monitoring.free_tool_id(TOOL)

    def _start(self) -> None:
        events = self._monitoring.events
        self._monitoring.use_tool_id(TOOL, TOOL_NAME)
        self._monitoring.register_callback(TOOL, events.PY_START, self._begin)
        self._monitoring.register_callback(TOOL, events.PY_RESUME, self._begin)
        self._monitoring.register_callback(TOOL, events.LINE, self._line)
        self._monitoring.restart_events()
        self._monitoring.set_events(TOOL, events.PY_START | events.PY_RESUME)

    def _begin(self, code: CodeType, _offset: int) -> Any:  # noqa: ANN401 — sys.monitoring.DISABLE, or nothing
        if self.own.has(code):
            self._monitoring.set_local_events(TOOL, code, self._monitoring.events.LINE)
        return self._monitoring.DISABLE

    def _line(self, code: CodeType, line: int) -> None:
        if (follower := following.get()) is not None:
            _report(follower, code, line)


def new_tracer(own: OwnCode) -> Tracer:
    """Return the tracer for this interpreter."""
    return Monitoring(own) if sys.version_info >= (3, 12) else SetTrace(own)
