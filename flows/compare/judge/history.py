"""What the attempts of a run show: counts, deaths, overlaps and waits."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from flows.compare.record.observed import Wait
from shared.run.attempts import overlapping
from shared.run.step_names import AGGREGATE, STAGE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from flows.compare.record.observed import Policy
    from shared.run.attempts import Attempt


@dataclass(frozen=True)
class History:
    """The attempts of a run.

    Attributes:
        attempts: Oldest first.
        policy: The policy that declares the waits.
        reruns: Whether an attempt after a death is not a retry of the policy, and does not wait.
    """

    attempts: tuple[Attempt, ...]
    policy: Policy
    reruns: bool = False

    @cached_property
    def counts(self) -> dict[int, Counter[str]]:
        """The number of attempts at each step, by invocation (from 1)."""
        found: dict[int, Counter[str]] = {}
        for attempt in self.attempts:
            found.setdefault(attempt.invocation, Counter())[attempt.step] += 1
        return found

    @cached_property
    def overlaps(self) -> list[tuple[Attempt, Attempt]]:
        """Pairs of parallel attempts at one step, also of two invocations."""
        return list(overlapping(self.attempts))

    @cached_property
    def waits(self) -> list[Wait]:
        """The waits between attempts whose end is known."""
        return [wait for first, second in self._successors() if (wait := self._wait(first, second))]

    @property
    def retries(self) -> int:
        """The number of attempts after the first of their step and invocation."""
        return sum(count - 1 for counted in self.counts.values() for count in counted.values())

    @property
    def deaths(self) -> int:
        """The attempts that could not record their own end."""
        return sum(attempt.died for attempt in self.attempts)

    @property
    def reprocessed(self) -> list[str]:
        """The shards that a later invocation processed although they were committed before it began."""
        begun: dict[int, datetime] = {}
        for attempt in self.attempts:  # oldest first
            begun.setdefault(attempt.invocation, attempt.begin.at)
        shards = (each for each in self.attempts if each.step not in {STAGE, AGGREGATE})
        committed: dict[str, datetime] = {}
        for each in shards:
            if each.end and each.outcome == "committed":
                committed[each.step] = min(each.end.moment.at, committed.get(each.step, each.end.moment.at))
        return sorted(
            step
            for step, at in committed.items()
            if any(begun[number] > at and step in self.counts[number] for number in begun)
        )

    def attempts_at(self, step: str) -> int:
        """Return the number of attempts at a step, over all invocations."""
        return sum(counted[step] for counted in self.counts.values())

    def _successors(self) -> Iterator[tuple[Attempt, Attempt]]:
        """Yield pairs of consecutive attempts at the same step of the same invocation."""
        ordered = sorted(self.attempts, key=lambda each: (each.invocation, each.step, each.number))
        for _, group in groupby(ordered, key=lambda each: (each.invocation, each.step)):
            yield from pairwise(group)

    def _wait(self, first: Attempt, second: Attempt) -> Wait | None:
        if self.reruns and first.died:
            return None
        if first.end is None or first.overlaps(second) or first.number > len(self.policy.waits_seconds):
            return None
        declared = self.policy.waits_seconds[first.number - 1]
        ended, until = first.end.moment, second.begin.at
        others = [attempt for attempt in self.attempts if attempt.step != first.step]
        return Wait(
            step=first.step,
            retry=first.number,
            declared_seconds=declared,
            observed_seconds=round(ended.until(second.begin), 3),
            since_begin_seconds=round(first.begin.until(second.begin), 3),
            end_by=first.end.by,
            clock=ended.clock(second.begin),
            others=_at_once(others, ended.at, until),
            others_when_due=_at_once(others, ended.at + timedelta(seconds=declared), until),
        )


def _at_once(attempts: list[Attempt], since: datetime, until: datetime) -> int:
    """Return the maximum number of parallel attempts in an interval; attempts without an end are not counted."""
    ended = [(attempt.begin.at, attempt.end.moment.at) for attempt in attempts if attempt.end]
    within = [(begin, end) for begin, end in ended if begin < until and end > since]
    return max((sum(begin <= moment < end for begin, end in within) for moment, _ in within), default=0)
