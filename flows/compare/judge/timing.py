"""Checks that attempts and waits took as long as the policy declares, not less and not much longer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from flows.compare.record.observed import EARLY
from shared.run.attempts import PROCESS
from shared.run.step_names import AGGREGATE, STAGE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.compare.judge.history import History
    from flows.compare.record.observed import Observation, Wait
    from shared.run.attempts import Attempt

ATTEMPT = "attempt"  # who wrote down an end
WATCHED = 1.5  # seconds in which a watcher writes down a death, on a busy machine; the wait has begun by then
LATE, SHARE = 1.0, 0.25  # seconds, and of the declared wait, that every retry may be late
DISPATCHES = 3  # times as late as the same run's steps were that had to wait for nothing
LONG = 5.0  # seconds that an attempt may outlast its timeout: the end of a process on a busy machine
HEAD_START = 1.0  # seconds: a timeout begins with the start of a process, its attempt once that process claims it


@dataclass(frozen=True)
class Machine:
    """How fast a cell was without waits, in seconds.

    Attributes:
        workers: The number of slots; a retry that queues for a slot is not late.
        dispatch: From the end of a step to the first claim of the next.
        startup: From the start of the run's process to its first claim.
    """

    workers: int
    dispatch: float
    startup: float

    @classmethod
    def of(cls, seen: Observation, history: History) -> Machine:
        """Measure the first start of a run."""
        first = [each for each in history.attempts if each.invocation == 1]
        begun = seen.starts[0].ended_at - timedelta(seconds=seen.starts[0].seconds)
        startup = max(0.0, (first[0].begin.at - begun).total_seconds()) if first else 0.0
        return cls(seen.workers, _dispatch(first), startup)

    def tolerance(self, wait: Wait) -> float:
        """Return how late a retry may be; a retry after a death may have to wait for a process."""
        restart = 0.0 if wait.end_by == ATTEMPT else self.startup
        return LATE + SHARE * wait.declared_seconds + DISPATCHES * self.dispatch + restart


def _dispatch(attempts: list[Attempt]) -> float:
    """Return the longest time from the last end of a kind of step to the first claim of the next."""
    groups = [[each for each in attempts if kind(each.step)] for kind in (STAGE.__eq__, _is_shard, AGGREGATE.__eq__)]
    gaps = [
        (min(each.begin.at for each in after) - max(each.end.moment.at for each in before if each.end)).total_seconds()
        for before, after in pairwise(groups)
        if after and any(each.end for each in before)
    ]
    return max([0.0, *gaps])


def _is_shard(step: str) -> bool:
    return step not in {STAGE, AGGREGATE}


def timing_mismatches(history: History, machine: Machine, hanging: set[tuple[str, int]]) -> list[str]:
    """Return what was too early or too late, in words; empty if all is as declared.

    Args:
        history: The history of a run, with its declared policy.
        machine: The speed of the run without waits.
        hanging: Step and attempt of the first invocation that only the timeout can end.
    """
    limit = history.policy.timeout_seconds
    return [
        *(message for wait in history.waits for message in _of_wait(wait, machine)),
        *(message for each in history.attempts for message in _of_attempt(each, limit)),
        *(message for each in history.attempts if _key(each) in hanging for message in _of_hanging(each, limit)),
    ]


def _key(attempt: Attempt) -> tuple[str, int] | None:
    return (attempt.step, attempt.number) if attempt.invocation == 1 else None


def _of_wait(wait: Wait, machine: Machine) -> Iterator[str]:
    where = f"retry {wait.retry} of {wait.step} came after {wait.observed_seconds:g} s"
    if wait.clock == "different":  # by how much they differ is not known
        return
    beyond = wait.observed_seconds - wait.declared_seconds
    since_begin = wait.since_begin_seconds if wait.since_begin_seconds is not None else wait.declared_seconds
    if beyond < -(WATCHED if wait.end_by == "watcher" else EARLY):
        yield f"{where}, before the declared {wait.declared_seconds:g} s"
    elif since_begin < wait.declared_seconds - EARLY:  # a death may be written down late, and is not before the claim
        yield (
            f"retry {wait.retry} of {wait.step} came {since_begin:g} s after the attempt before it had begun, "
            f"before the declared {wait.declared_seconds:g} s"
        )
    if beyond > machine.tolerance(wait) and wait.others_when_due < machine.workers:
        yield f"{where}, and the declared wait is {wait.declared_seconds:g} s"


def _of_attempt(attempt: Attempt, limit: float) -> Iterator[str]:
    ended_by = attempt.end.by if attempt.end else ""
    if attempt.seconds is not None and ended_by != PROCESS and attempt.seconds > limit + LONG:
        yield f"{attempt.name} took {attempt.seconds:.1f} s, and an attempt may take {limit:g} s"


def _of_hanging(attempt: Attempt, limit: float) -> Iterator[str]:
    if attempt.seconds is not None and attempt.seconds < limit - HEAD_START:
        yield f"{attempt.name} hangs and was ended after {attempt.seconds:.1f} s, before the timeout of {limit:g} s"
