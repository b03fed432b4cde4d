"""Finds healthy attempts and runs that the comparison itself ended, by a short timeout or its deadline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.compare.judge.firing import planned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.compare.judge.history import History
    from flows.compare.record.comparison import Scenario
    from flows.compare.record.observed import Observation, Start
    from shared.run.attempts import Attempt

NEAR = 0.9  # of the timeout: its clock begins before the attempt does


def cut_short(seen: Observation, scenario: Scenario, history: History) -> list[str]:
    """Return what the comparison ended although it worked, in words; empty if nothing."""
    return [*_by_timeout(seen, scenario, history), *_by_deadline(seen, history)]


def _by_timeout(seen: Observation, scenario: Scenario, history: History) -> Iterator[str]:
    if not scenario.short_timeout:
        return
    limit = seen.policy.timeout_seconds
    faulted = {(firing.step, firing.attempt) for firing in planned(scenario.plan)}
    for each in history.attempts:
        disturbed = each.invocation == 1 and (each.step, each.number) in faulted
        if not disturbed and _timed_out(each, limit):
            yield (
                f"{each.name}, which nothing disturbed, was ended by this scenario's timeout of {limit:g} s; "
                "--hang-timeout makes it longer"
            )


def _timed_out(attempt: Attempt, limit: float) -> bool:
    ended = attempt.died or "TimeoutError" in attempt.error
    return ended and attempt.seconds is not None and attempt.seconds >= NEAR * limit


def _by_deadline(seen: Observation, history: History) -> Iterator[str]:
    """Return a start that was still making attempts at its deadline."""
    last = seen.starts[-1]
    if seen.deadline_seconds is None or seen.patience_seconds is None or not _overdue(last, seen.deadline_seconds):
        return
    signs = [each.begin.at for each in history.attempts]
    signs += [each.end.moment.at for each in history.attempts if each.end and each.end.moment.at < last.ended_at]
    if signs and (last.ended_at - max(signs)).total_seconds() < seen.patience_seconds:
        yield (
            f"the run was still making attempts when its deadline of {seen.deadline_seconds:g} s ended it; "
            "--deadline makes it later"
        )


def _overdue(start: Start, deadline: float) -> bool:
    return not start.ended and not start.answered and start.seconds >= deadline
