"""Finds unplanned deaths, failures, overlaps, and attempts that only the engine or the ledger has."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from flows.compare.judge.firing import DEADLY, TWICE, planned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.compare.judge.history import History
    from flows.compare.record.comparison import Column, Scenario
    from flows.compare.record.observed import Observation, Start
    from shared.run.attempts import Attempt

SILENT = "the run published a result, and the ledger has no attempt"
LASTING = {"source_vanishes"}  # faults that later attempts meet, too


@dataclass(frozen=True)
class Unplanned:
    """Compares the attempts of a cell with its plan.

    Attributes:
        seen: The cell's observation.
        scenario: Its scenario.
        column: Its column.
        history: Its attempts.
    """

    seen: Observation
    scenario: Scenario
    column: Column
    history: History

    @property
    def mismatches(self) -> list[str]:
        """Return all mismatches in words."""
        silent = [] if self.history.attempts or not self.seen.store.finished else [SILENT]
        return [*silent, *self._deaths(), *self._failures(), *self._overlaps(), *self.counts(disturbed=False)]

    def counts(self, *, disturbed: bool) -> Iterator[str]:
        """Return the steps for which engine and ledger have different numbers of attempts.

        Args:
            disturbed: Whether to return the differences that a death or an interruption explains, or the others.
        """
        for number, record in enumerate(self.seen.engine, start=1):
            counted = self.history.counts.get(number, Counter())
            for step in sorted(counted.keys() | record.attempts.keys()):
                reported, there = record.attempts.get(step, 0), counted[step]
                explained = self._disturbed(number) or bool(self._kinds.get(step, set()) & TWICE)
                if reported != there and explained is disturbed:
                    yield f"the engine reports {reported} attempts at {step} in start {number}, the ledger {there}"

    def _deaths(self) -> Iterator[str]:
        for each in self.history.attempts:
            timed_out = each.seconds is not None and each.seconds >= self.history.policy.timeout_seconds
            if each.died and not (timed_out or self._planned(each) or self._disturbed(each.invocation)):
                yield f"{each.name} began and never ended, and nothing killed it"

    def _failures(self) -> Iterator[str]:
        for each in self.history.attempts:
            lasting = self._kinds.get(each.step, set()) & LASTING
            if each.outcome == "failed" and not (self._planned(each) or lasting or self._interrupted(each.invocation)):
                yield f"{each.name} failed, and nothing was planned there: {each.error.splitlines()[0][:200]}"

    def _overlaps(self) -> Iterator[str]:
        for first, second in self.history.overlaps:
            known = first.end is not None and first.invocation == second.invocation
            if known and not self._kinds.get(first.step, set()) & TWICE:
                yield f"{second.name} began while {first.name} still ran"

    @cached_property
    def _kinds(self) -> dict[str, set[str]]:
        """Return the planned kinds of faults, by step."""
        found: dict[str, set[str]] = {}
        for fault in self.scenario.plan:
            found.setdefault(fault.step, set()).add(fault.kind)
        return found

    @cached_property
    def _at(self) -> set[tuple[str, int]]:
        return {(firing.step, firing.attempt) for firing in planned(self.scenario.plan) if firing.kind != "slow"}

    def _planned(self, attempt: Attempt) -> bool:
        return attempt.invocation == 1 and (attempt.step, attempt.number) in self._at

    def _start(self, invocation: int) -> Start:
        return self.seen.starts[min(invocation, len(self.seen.starts)) - 1]

    def _interrupted(self, invocation: int) -> bool:
        """Whether the scenario interrupted the run while this start was its latest."""
        return self.scenario.interruption is not None and self._start(invocation).interrupted

    def _disturbed(self, invocation: int) -> bool:
        """Whether processes of this start may have died from a planned fault, or from the end of the cell."""
        shared = not self.column.ours and any(each.kind in DEADLY for each in self.seen.fired)
        return self._interrupted(invocation) or shared or not self._start(invocation).ended
