"""Determines the ends of attempts that neither they nor a watcher recorded, from the engine's record."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from shared.run.attempts import ENGINE, PROCESS, Attempt, End, Moment

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from flows.engine.record import Record


@dataclass(frozen=True)
class Ends:
    """What is known about ends, in addition to the ledger.

    Attributes:
        records: The engine's own records, one per invocation.
        ended: By invocation, when the last process that could run its attempts had ended.
        dead: By process of the first invocation that was killed from outside, when it was certainly dead.
    """

    records: list[Record]
    ended: dict[int, datetime] = field(default_factory=dict)
    dead: dict[int, datetime] = field(default_factory=dict)

    def of(self, attempts: Iterable[Attempt]) -> tuple[Attempt, ...]:
        """Return the attempts with their known ends, oldest first."""
        ordered = sorted(attempts, key=lambda attempt: attempt.begin.at)
        return tuple(each if each.end else replace(each, end=self._end(each)) for each in ordered)

    def _end(self, attempt: Attempt) -> End | None:
        invocation, number = attempt.invocation, attempt.number
        record = self.records[invocation - 1] if invocation <= len(self.records) else None
        ends = record.ends.get(attempt.step, []) if record else []
        if record and number <= len(ends) and (by_engine := ends[number - 1]):
            return End(Moment(by_engine, host=record.host), ENGINE)
        known = self.ended.get(invocation) or (self.dead.get(attempt.pid) if invocation == 1 else None)
        return End(Moment(known), PROCESS) if known else None
