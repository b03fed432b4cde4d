"""Whether attempts and the waits between them took as long as the policy declares: not less, and not far more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.compare.observe.spans import PROCESS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta

    from flows.compare.observe.ledgers import History, Wait
    from flows.compare.observe.spans import Span

EARLY = 0.02  # seconds before the declared moment: the resolution of the clocks and of their records
WATCHED = 1.5  # seconds in which a watcher writes down a death, on a busy machine; the wait has begun by then
LATE = 5.0  # seconds beyond it: the start of a process on a busy machine
HEAD_START = 1.0  # seconds: a timeout begins with the start of a process, its attempt once that process claims it


def timing_mismatches(history: History, timeout: timedelta, workers: int, hanging: set[tuple[str, int]]) -> list[str]:
    """What came too early or far too late, in words; empty when all is as declared.

    Args:
        history: Of a run.
        timeout: The longest an attempt may take.
        workers: Slots; a retry that is due while others have all of them queues, and is not late.
        hanging: Step and attempt of the first invocation that only the timeout could end.
    """
    limit = timeout.total_seconds()
    return [
        *(message for wait in history.waits for message in _of_wait(wait, workers)),
        *(message for span in history.spans for message in _of_attempt(span, limit)),
        *(message for span in history.spans if _key(span) in hanging for message in _of_hanging(span, limit)),
    ]


def _key(span: Span) -> tuple[str, int] | None:
    return (span.step, span.attempt) if span.invocation == 1 else None


def _of_wait(wait: Wait, workers: int) -> Iterator[str]:
    where = f"retry {wait.retry} of {wait.step} came after {wait.observed_seconds:g} s"
    if wait.clock == "different":  # by how much they differ is not known
        return
    beyond = wait.observed_seconds - wait.declared_seconds
    if beyond < -(WATCHED if wait.end_by == "watcher" else EARLY):
        yield f"{where}, before the declared {wait.declared_seconds:g} s"
    if beyond > LATE and wait.others_when_due < workers:
        yield f"{where}, and the declared wait is {wait.declared_seconds:g} s"


def _of_attempt(span: Span, limit: float) -> Iterator[str]:
    if span.seconds is not None and span.ended_by != PROCESS and span.seconds > limit + LATE:
        yield f"{span.name} took {span.seconds:.1f} s, and an attempt may take {limit:g} s"


def _of_hanging(span: Span, limit: float) -> Iterator[str]:
    if span.seconds is not None and span.seconds < limit - HEAD_START:
        yield f"{span.name} hangs and was ended after {span.seconds:.1f} s, before the timeout of {limit:g} s"
