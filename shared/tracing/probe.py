"""Follows the functions of tasks in any process that calls them, as the plan in a folder says."""

from __future__ import annotations

import hashlib
import re
import time
from typing import TYPE_CHECKING

from shared.tracing.followed import FollowedRun
from shared.tracing.plan import STARTS, Action, Plan, claim_start
from shared.tracing.record import RunRecord
from shared.tracing.tracer import new_tracer
from shared.tracing.unfollowed import note_unfollowed
from shared.tracing.wrapping import wrapped

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from shared.tracing.own_code import OwnCode
    from shared.tracing.plan import Place

    Function = Callable[..., Any]

ADDRESS = re.compile(r"0x[0-9a-f]+")  # in the text of an object without its own representation
TASK, ORCHESTRATOR = "task", "orchestrator"


def text_of(*arguments: object, **named: object) -> str:
    """Return a text that identifies a call among calls of a function: the texts of its arguments."""
    return ADDRESS.sub("", repr((arguments, named)))


class Probe:
    """Records what runs of tasks execute, or carries out the planned action at one place."""

    def __init__(self, folder: Path, own: OwnCode) -> None:
        """Follow.

        Args:
            folder: The folder for plan, evidence and records.
            own: The code whose lines count.
        """
        self._folder, self._own = folder, own
        self._tracer = new_tracer(own)
        self._notes = False

    def wrap(self, task: str, function: Function, identity: Callable[..., str] = text_of) -> Function:
        """Return the function of a task, followed. It may be plain, a coroutine, a generator or both.

        Args:
            task: The task's name.
            function: The task's function.
            identity: Returns, for the arguments, what identifies this run of the task.
        """
        self._own.add(function)
        return wrapped(function, lambda *args, **named: self._follow(task, identity(*args, **named), TASK))

    def follow_orchestrator(self, name: str, step: str = "") -> FollowedRun:
        """Follow what a block executes between tasks.

        Args:
            name: The orchestrator's name.
            step: What identifies this block.
        """
        return self._follow(name, step, ORCHESTRATOR)

    def _follow(self, task: str, identity: str, role: str) -> FollowedRun:
        plan = Plan.read(self._folder)
        if plan.action is Action.RECORD and not self._notes:
            note_unfollowed(self._own, self._folder)
            self._notes = True
        name, key = _short(task), _short(identity)
        start, order = claim_start(self._folder, f"{name}-{key}"), claim_start(self._folder, name)
        record = RunRecord(task, key, start, order, role, time.monotonic_ns())
        return FollowedRun(self._folder, plan, record, _place_in(plan, record), self._tracer)


def run_name(record: RunRecord, *, by_order: bool) -> str:
    """Return the name of a task's run in places."""
    return str(record.order) if by_order else f"{record.key}.{record.start}"


def has_begun_again(folder: Path, place: Place) -> bool:
    """Whether a place's task run was started again; if runs are named by order, whether any run of the task was."""
    key, dot, start = place.run.rpartition(".")
    name = _short(place.task)
    return (folder / STARTS / (f"{name}-{key}.{int(start) + 1}" if dot else f"{name}.{int(start) + 1}")).exists()


def _place_in(plan: Plan, record: RunRecord) -> Place | None:
    """Return the place of a plan, if it is in this run."""
    place = plan.place
    if place is None or place.task != record.task:
        return None
    return place if place.run == run_name(record, by_order=record.task in plan.by_order) else None


def _short(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:12]
