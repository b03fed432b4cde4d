"""What the ledger says of a run: attempts by step, deaths, overlaps, the waits between attempts."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any

from shared.run.ledger import read_attempts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.compare.records import Record
    from shared.run.policy import RetryPolicy
    from shared.run.run import Run

Entry = dict[str, Any]


@dataclass(frozen=True)
class Wait:
    """The time between two attempts at a step.

    Attributes:
        step: ``stage`` or a shard's.
        retry: Counts from 1.
        declared_seconds: What the policy promises.
        observed_seconds: From the end of one attempt to the claim of the next.
        end_by: Who recorded that end: ``attempt``, ``watcher``, or ``engine`` when only the engine did.
        others: The most attempts at other steps that ran at once meanwhile.
        others_when_due: The same from the moment the wait should have been over.
    """

    step: str
    retry: int
    declared_seconds: float
    observed_seconds: float
    end_by: str
    others: int
    others_when_due: int


@dataclass(frozen=True)
class History:
    """The attempts of a run.

    Attributes:
        entries: The ledger's, oldest first.
        attempts: How many of each step, by start of the run (from 1).
        overlaps: Pairs of attempts at one step that ran at once, as ``shard-003 1+2``.
        waits: Between attempts of which the end is known.
    """

    entries: list[Entry]
    attempts: dict[int, dict[str, int]]
    overlaps: list[str]
    waits: list[Wait]

    @classmethod
    def of(cls, run: Run, policy: RetryPolicy, records: list[Record]) -> History:
        """Read a run's ledger.

        Args:
            run: The run.
            policy: What its waits should be.
            records: The engine's own, one per start, for ends that nobody else could record.
        """
        entries = read_attempts(run.store, run.job.run_id)
        counts: dict[int, Counter[str]] = {}
        for entry in entries:
            counts.setdefault(entry["invocation"], Counter())[entry["step"]] += 1
        overlaps = [f"{a['step']} {a['attempt']}+{b['attempt']}" for a, b in _successors(entries) if _overlap(a, b)]
        waits = [wait for a, b in _successors(entries) if (wait := _wait(a, b, policy, records, entries))]
        return cls(entries, {start: dict(counted) for start, counted in counts.items()}, overlaps, waits)

    @property
    def retries(self) -> int:
        """Attempts after the first of their step and start."""
        return sum(count - 1 for counted in self.attempts.values() for count in counted.values())

    @property
    def deaths(self) -> int:
        """Attempts that could not record their own end."""
        return sum(entry["end"] is None or entry["end"]["ended_by"] != "attempt" for entry in self.entries)

    @property
    def waiting_seconds(self) -> float:
        """The waits added up."""
        return sum(wait.observed_seconds for wait in self.waits)

    @property
    def redone(self) -> list[str]:
        """Steps that a later start did again although they were committed before it began."""
        begun: dict[int, datetime] = {}
        for entry in self.entries:  # oldest first
            begun.setdefault(entry["invocation"], _time(entry["claimed_at"]))
        committed = {e["step"]: _time(e["end"]["ended_at"]) for e in self.entries if _outcome(e) == "committed"}
        again = (e["step"] for e in self.entries if e["step"] in committed)
        return sorted({s for s in again if any(begun[n] > committed[s] and s in self.attempts[n] for n in begun)})

    def attempts_at(self, step: str) -> int:
        """All attempts at a step, over all starts."""
        return sum(counted.get(step, 0) for counted in self.attempts.values())

    def to_json(self) -> dict[str, Any]:
        """The evidence."""
        keys = ("step", "invocation", "attempt", "pid", "claimed_at", "end")
        return {
            "attempts": [{key: entry[key] for key in keys} for entry in self.entries],
            "retries": self.retries,
            "deaths": self.deaths,
            "overlaps": self.overlaps,
            "waits": [asdict(wait) for wait in self.waits],
            "waiting_seconds": round(self.waiting_seconds, 3),
            "redone": self.redone,
        }


def _successors(entries: list[Entry]) -> Iterator[tuple[Entry, Entry]]:
    """Attempts that follow one another in the same step of the same start."""
    ordered = sorted(entries, key=lambda entry: (entry["invocation"], entry["step"], entry["attempt"]))
    for _, group in groupby(ordered, key=lambda entry: (entry["invocation"], entry["step"])):
        yield from pairwise(group)


def _outcome(entry: Entry) -> str | None:
    return entry["end"]["outcome"] if entry["end"] else None


def _overlap(first: Entry, second: Entry) -> bool:
    return first["end"] is not None and _time(first["end"]["ended_at"]) > _time(second["claimed_at"])


def _wait(first: Entry, second: Entry, policy: RetryPolicy, records: list[Record], entries: list[Entry]) -> Wait | None:
    if _overlap(first, second) or first["attempt"] > policy.max_retries:
        return None
    end, by = _end(first, records)
    if end is None:
        return None
    declared = policy.waits()[first["attempt"] - 1]
    until = _time(second["claimed_at"])
    others = [entry for entry in entries if entry["step"] != first["step"]]
    return Wait(
        first["step"],
        first["attempt"],
        round(declared.total_seconds(), 3),
        round((until - end).total_seconds(), 3),
        by,
        _at_once(others, end, until),
        _at_once(others, end + declared, until),
    )


def _at_once(entries: list[Entry], since: datetime, until: datetime) -> int:
    """The most of some attempts that ran at the same time in an interval; those without an end are not counted."""
    ended = [(_time(entry["claimed_at"]), _time(entry["end"]["ended_at"])) for entry in entries if entry["end"]]
    within = [(begin, end) for begin, end in ended if begin < until and end > since]
    return max((sum(begin <= moment < end for begin, end in within) for moment, _ in within), default=0)


def _end(entry: Entry, records: list[Record]) -> tuple[datetime | None, str]:
    """When an attempt ended, and who says so; the engine is believed only where nobody else could see it."""
    if entry["end"]:
        return _time(entry["end"]["ended_at"]), entry["end"]["ended_by"]
    start, attempt = entry["invocation"], entry["attempt"]
    ends = records[start - 1].ends.get(entry["step"], []) if start <= len(records) else []
    return (ends[attempt - 1] if attempt <= len(ends) else None), "engine"


_time = datetime.fromisoformat
