"""Notes what a recorded run does that is not followed: own functions in other threads, and other processes."""

from __future__ import annotations

import inspect
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from shared.tracing.record import note
from shared.tracing.tracer import following

if TYPE_CHECKING:
    from types import FrameType

    from shared.tracing.own_code import OwnCode

PROCESSES = {"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system"}


def note_unfollowed(own: OwnCode, folder: Path) -> None:
    """Start to take notes in this process."""

    def begin(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and own.has(frame.f_code):
            where = f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
            note(
                folder,
                f"{frame.f_code.co_name} ({where}) runs in a thread that the job starts; its lines are not tried",
            )

    def audit(event: str, _arguments: tuple[object, ...]) -> None:
        if event in PROCESSES and following.get() is not None and (line := _own_line(own)):
            note(folder, f"{line} starts a process; its lines are not tried")

    threading.settrace(begin)
    sys.addaudithook(audit)


def _own_line(own: OwnCode) -> str:
    """Return the innermost line of the job that is being executed; empty if there is none."""
    frame = inspect.currentframe()
    while frame is not None and not own.has(frame.f_code):
        frame = frame.f_back
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}" if frame else ""
