"""Checks whether planned faults really fired: each leaves a marker, and a sign in the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.compare.record.observed import Firing
from shared.faults.actions import SLOW_SECONDS
from shared.run.step_names import AGGREGATE, STAGE, shard_step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from collections.abc import Set as AbstractSet

    from flows.compare.judge.history import History
    from shared.faults.plan import Fault
    from shared.run.attempts import Attempt

HARMLESS = {"slow"}  # nothing has to recover from it
TWICE = {"duplicate_attempt", "overlap_midway"}  # two attempts at a step run at once
DEADLY = {"kill", "kill_midway", "torn_write", "crash_after_commit", "exit_without_result", "hang"}  # ends a process


def planned(plan: Iterable[Fault]) -> list[Firing]:
    """Yield the planned faults one by one."""
    return [Firing(fault.step, attempt, fault.kind) for fault in plan for attempt in fault.attempts]


def untested(
    plan: Iterable[Fault],
    markers: AbstractSet[Firing],
    history: History,
    *,
    completed: bool,
    interrupted: bool = False,
) -> list[str]:
    """Return why a run does not test its plan; empty if all faults fired that could.

    A fault of an attempt that was never made does not count if another fault ended its step or the run. A slow step
    that another start processed first does not count either.

    Args:
        plan: The planned faults.
        markers: The faults that left a marker.
        history: The attempts in the ledger.
        completed: Whether the run completed, so that nothing prevented a fault.
        interrupted: Whether the run was interrupted in its middle, which what slows it only has to make possible.
    """
    made = {(attempt.step, attempt.number): attempt for attempt in history.attempts if attempt.invocation == 1}
    elsewhere = {each.step for each in history.attempts if each.invocation != 1 and each.outcome == "committed"}
    wanted = [
        firing
        for firing in planned(plan)
        if firing in markers or not (firing.kind in HARMLESS and firing.step in elsewhere)
    ]
    found = [message for firing in wanted for message in _missing(firing, markers, made, completed=completed)]
    if wanted and not found and not markers & set(wanted) and not interrupted:
        found.append("no fault of the plan fired")
    return [*found, *(f"{marker} fired, which was not planned" for marker in sorted(markers - set(planned(plan))))]


def impossible(plan: Iterable[Fault], attempts: int, shards: int) -> list[str]:
    """Return the faults of a plan that can never fire, in words.

    Args:
        plan: What was to break.
        attempts: The maximum number of attempts at a step.
        shards: The number of shards.
    """
    steps = {STAGE, AGGREGATE, *map(shard_step, range(shards))}
    return [
        f"{firing} could never fire: the run has {shards} shards, and a step at most {attempts} attempts"
        for firing in planned(plan)
        if firing.attempt > attempts or firing.step not in steps
    ]


def _missing(
    firing: Firing, markers: AbstractSet[Firing], made: dict[tuple[str, int], Attempt], *, completed: bool
) -> Iterator[str]:
    attempt = made.get((firing.step, firing.attempt))
    if firing in markers:
        if attempt is None or not shows(firing.kind, attempt, made.values()):
            yield f"{firing} left a marker and no trace in the ledger"
        return
    if attempt is not None and attempt.died and firing.kind in HARMLESS:  # it was killed before anything could fire
        return
    others = {marker.kind for marker in markers if (marker.step, marker.attempt) == (firing.step, firing.attempt)}
    if (attempt is not None and not others - HARMLESS) or (attempt is None and completed):
        yield f"{firing} did not fire"


def shows(kind: str, attempt: Attempt, attempts: Iterable[Attempt]) -> bool:
    """Whether an attempt looks as if a fault of a kind fired at it; true for kinds without a known sign.

    Args:
        kind: The kind of the fault.
        attempt: The attempt.
        attempts: All attempts of its invocation.
    """
    if kind in TWICE:
        return any(
            other is not attempt and other.step == attempt.step and other.overlaps(attempt) for other in attempts
        )
    return kind not in SIGNS or SIGNS[kind](attempt)


def _died(attempt: Attempt) -> bool:
    """Whether the process ended, or never returned, and could not record the end of its attempt."""
    return attempt.died


def _failed_with(*words: str) -> Callable[[Attempt], bool]:
    return lambda attempt: (
        not attempt.died and attempt.outcome == "failed" and any(word in attempt.error for word in words)
    )


def _hung(attempt: Attempt) -> bool:
    """Whether it was ended, or its engine's timeout raised an error in it."""
    return attempt.died or _failed_with(*TOLD["hang"])(attempt)


def _slow(attempt: Attempt) -> bool:
    return attempt.died or (attempt.seconds is not None and attempt.seconds >= SLOW_SECONDS)


TOLD = {  # what the error of an attempt says at which a fault of a kind fired
    "exception": ("planned fault: exception",),
    "terminal": ("planned fault: terminal",),
    "out_of_memory": ("planned fault: out_of_memory",),
    "disk_full": ("No space left on device",),
    "store_away": ("planned fault: store_away",),
    "source_vanishes": ("changed", "missing", "vanish"),
    "hang": ("TimeoutError", "CancelledError"),
}
SIGNS: dict[str, Callable[[Attempt], bool]] = {kind: _failed_with(*words) for kind, words in TOLD.items()} | {
    "slow": _slow,
    "hang": _hung,
    "exit_without_result": _died,
    "kill": _died,
    "kill_midway": _died,
    "torn_write": _died,
    "crash_after_commit": _died,
}
