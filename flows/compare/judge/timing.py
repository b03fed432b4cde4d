"""Whether attempts and the waits between them took as long as the policy declares: not less, and not far more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.compare.record.observed import EARLY
from shared.run.attempts import PROCESS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.compare.judge.history import History
    from flows.compare.record.observed import Wait
    from shared.run.attempts import Attempt

WATCHED = 1.5  # seconds in which a watcher writes down a death, on a busy machine; the wait has begun by then
LATE = 5.0  # seconds beyond it: the start of a process on a busy machine
HEAD_START = 1.0  # seconds: a timeout begins with the start of a process, its attempt once that process claims it


def timing_mismatches(history: History, workers: int, hanging: set[tuple[str, int]]) -> list[str]:
    """What came too early or far too late, in words; empty when all is as declared.

    Args:
        history: Of a run, with the policy that was declared for it.
        workers: Slots; a retry that is due while others have all of them queues, and is not late.
        hanging: Step and attempt of the first invocation that only the timeout could end.
    """
    limit = history.policy.timeout_seconds
    return [
        *(message for wait in history.waits for message in _of_wait(wait, workers)),
        *(message for each in history.attempts for message in _of_attempt(each, limit)),
        *(message for each in history.attempts if _key(each) in hanging for message in _of_hanging(each, limit)),
    ]


def _key(attempt: Attempt) -> tuple[str, int] | None:
    return (attempt.step, attempt.number) if attempt.invocation == 1 else None


def _of_wait(wait: Wait, workers: int) -> Iterator[str]:
    where = f"retry {wait.retry} of {wait.step} came after {wait.observed_seconds:g} s"
    if wait.clock == "different":  # by how much they differ is not known
        return
    beyond = wait.observed_seconds - wait.declared_seconds
    if beyond < -(WATCHED if wait.end_by == "watcher" else EARLY):
        yield f"{where}, before the declared {wait.declared_seconds:g} s"
    if beyond > LATE and wait.others_when_due < workers:
        yield f"{where}, and the declared wait is {wait.declared_seconds:g} s"


def _of_attempt(attempt: Attempt, limit: float) -> Iterator[str]:
    ended_by = attempt.end.by if attempt.end else ""
    if attempt.seconds is not None and ended_by != PROCESS and attempt.seconds > limit + LATE:
        yield f"{attempt.name} took {attempt.seconds:.1f} s, and an attempt may take {limit:g} s"


def _of_hanging(attempt: Attempt, limit: float) -> Iterator[str]:
    if attempt.seconds is not None and attempt.seconds < limit - HEAD_START:
        yield f"{attempt.name} hangs and was ended after {attempt.seconds:.1f} s, before the timeout of {limit:g} s"
