"""What the ledger says of a run: attempts by step, deaths, overlaps, the waits between attempts."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any

from flows.compare.observe.spans import Span, overlapping, spans_of
from shared.run.ledger import read_attempts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from flows.engine.record import Record
    from shared.run.policy import RetryPolicy
    from shared.run.run import Run

Entry = dict[str, Any]


@dataclass(frozen=True)
class Wait:
    """The time between two attempts at a step.

    Attributes:
        step: As the ledger names it.
        retry: Counts from 1.
        declared_seconds: What the policy promises.
        observed_seconds: From the end of one attempt to the claim of the next.
        end_by: Who recorded that end, as ``Span.ended_by``.
        clock: ``monotonic``; ``wall`` where the two ends were not read from one monotonic clock; ``different`` where
            they are of two machines' clocks.
        others: The most attempts at other steps that ran at once meanwhile.
        others_when_due: The same from the moment the wait should have been over.
    """

    step: str
    retry: int
    declared_seconds: float
    observed_seconds: float
    end_by: str
    clock: str
    others: int
    others_when_due: int


@dataclass(frozen=True)
class History:
    """The attempts of a run.

    Attributes:
        entries: The ledger's, oldest first.
        spans: The same as intervals.
        attempts: How many of each step, by invocation (from 1).
        overlaps: Pairs of attempts at one step that ran at the same time, also of two invocations.
        waits: Between attempts of which the end is known.
    """

    entries: list[Entry]
    spans: list[Span]
    attempts: dict[int, dict[str, int]]
    overlaps: list[tuple[Span, Span]]
    waits: list[Wait]

    @classmethod
    def of(
        cls,
        run: Run,
        policy: RetryPolicy,
        records: list[Record],
        ended: dict[int, datetime] | None = None,
        dead: dict[int, datetime] | None = None,
    ) -> History:
        """Read a run's ledger.

        Args:
            run: The run.
            policy: What its waits should be.
            records: The engine's own, one per invocation, for ends that nobody else could record.
            ended: By invocation: when the last process that could run its attempts had ended.
            dead: By process of the first invocation that was killed from outside: when it was surely dead.
        """
        return cls.from_entries(read_attempts(run.store, run.job.run_id), policy, records, ended or {}, dead)

    @classmethod
    def from_entries(
        cls,
        entries: list[Entry],
        policy: RetryPolicy,
        records: list[Record],
        ended: dict[int, datetime],
        dead: dict[int, datetime] | None = None,
    ) -> History:
        """The same from entries of the ledger."""
        spans = spans_of(entries, records, ended, dead)
        counts: dict[int, Counter[str]] = {}
        for span in spans:
            counts.setdefault(span.invocation, Counter())[span.step] += 1
        waits = [wait for a, b in _successors(spans) if (wait := _wait(a, b, policy, spans))]
        attempts = {invocation: dict(counted) for invocation, counted in counts.items()}
        return cls(entries, spans, attempts, list(overlapping(spans)), waits)

    @property
    def retries(self) -> int:
        """Attempts after the first of their step and invocation."""
        return sum(count - 1 for counted in self.attempts.values() for count in counted.values())

    @property
    def deaths(self) -> int:
        """Attempts that could not record their own end."""
        return sum(span.died for span in self.spans)

    @property
    def waiting_seconds(self) -> float:
        """The waits added up."""
        return sum(wait.observed_seconds for wait in self.waits)

    @property
    def reprocessed(self) -> list[str]:
        """Steps that a later invocation did again although they were committed before it began."""
        begun: dict[int, datetime] = {}
        for span in self.spans:  # oldest first
            begun.setdefault(span.invocation, span.begin.at)
        committed = {span.step: span.end.at for span in self.spans if span.outcome == "committed" and span.end}
        return sorted(
            step
            for step, at in committed.items()
            if any(begun[number] > at and step in self.attempts[number] for number in begun)
        )

    def attempts_at(self, step: str) -> int:
        """All attempts at a step, over all invocations."""
        return sum(counted.get(step, 0) for counted in self.attempts.values())

    def to_json(self) -> dict[str, Any]:
        """The evidence."""
        keys = ("step", "invocation", "attempt", "pid", "claimed_at", "end")
        return {
            "attempts": [
                {key: entry[key] for key in keys}
                | {"ended_at": span.end.at.isoformat() if span.end else None, "ended_by": span.ended_by}
                for entry, span in zip(self.entries, self.spans, strict=True)
            ],
            "retries": self.retries,
            "deaths": self.deaths,
            "overlaps": [f"{first.name} and {second.name}" for first, second in self.overlaps],
            "waits": [asdict(wait) for wait in self.waits],
            "waiting_seconds": round(self.waiting_seconds, 3),
            "reprocessed": self.reprocessed,
        }


def _successors(spans: list[Span]) -> Iterator[tuple[Span, Span]]:
    """Attempts that follow one another at the same step of the same invocation."""
    ordered = sorted(spans, key=lambda span: (span.invocation, span.step, span.attempt))
    for _, group in groupby(ordered, key=lambda span: (span.invocation, span.step)):
        yield from pairwise(group)


def _wait(first: Span, second: Span, policy: RetryPolicy, spans: list[Span]) -> Wait | None:
    if first.end is None or first.overlaps(second) or first.attempt > policy.max_retries:
        return None
    declared = policy.waits()[first.attempt - 1]
    until = second.begin.at
    others = [span for span in spans if span.step != first.step]
    return Wait(
        first.step,
        first.attempt,
        round(declared.total_seconds(), 3),
        round(first.end.until(second.begin), 3),
        first.ended_by,
        first.end.clock(second.begin),
        _at_once(others, first.end.at, until),
        _at_once(others, first.end.at + declared, until),
    )


def _at_once(spans: list[Span], since: datetime, until: datetime) -> int:
    """The most of some attempts that ran at the same time in an interval; those without an end are not counted."""
    ended = [(span.begin.at, span.end.at) for span in spans if span.end]
    within = [(begin, end) for begin, end in ended if begin < until and end > since]
    return max((sum(begin <= moment < end for begin, end in within) for moment, _ in within), default=0)
