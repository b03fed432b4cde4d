"""What was observed in one cell, and the judgement that follows from it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field, NonNegativeFloat, NonNegativeInt, PositiveInt

from flows.compare.record.value import Text, Value
from flows.engine.observed_on import ObservedOn
from flows.engine.record import Record
from flows.engine.scenario import Expected
from flows.engine.service import Watched
from flows.engine.verdicts import Absent, Verdict
from shared.run.attempts import Attempt
from shared.run.digest import Digest
from shared.run.printable import printable
from shared.run.step_names import AGGREGATE, STAGE, shard_step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.run.policy import RetryPolicy

EARLY = 0.02  # seconds before the declared moment: the resolution of the clocks and of their records
DIGEST = r"^v\d+:\d+:[0-9a-f]+$"
Place = tuple[str, str]  # scenario and column


class Policy(Value):
    """The policy of the steps as it was declared."""

    max_attempts: PositiveInt
    waits_seconds: tuple[NonNegativeFloat, ...]
    timeout_seconds: NonNegativeFloat

    @classmethod
    def of(cls, policy: RetryPolicy) -> Policy:
        """A retry policy, in seconds."""
        waits = tuple(round(wait.total_seconds(), 3) for wait in policy.waits())
        return cls(
            max_attempts=policy.max_attempts, waits_seconds=waits, timeout_seconds=policy.timeout.total_seconds()
        )


class Start(Value):
    """How one start of a run ended, as its caller learned it."""

    completed: bool = Field(description="The engine returned a result.")
    error: Text = Field(description="What it raised, or how its process ended when it gave no answer.")
    answered: bool = Field(description="It returned or raised at all.")
    ended: bool = Field(description="The process ended before its deadline, and soon after its answer.")
    status: int | None = Field(description="Its exit status, negative for a signal; null past the deadline.")
    interrupted: bool = Field(description="The scenario's interruption found the run in its middle.")
    seconds: NonNegativeFloat = Field(description="From the start of the process until it ended.")
    ended_at: datetime = Field(description="When all its processes had ended.")
    watched: Watched | None = Field(None, description="null if unknown.")
    answer: dict[str, Any] | None = Field(None, exclude=True)  # is compared with the result in the store


class Published(Value):
    """What a run left in its store, against an undisturbed run."""

    finished: bool = Field(description="The run published its result.")
    digest: str | None = Field(pattern=DIGEST, description="The result's; null without one.")
    committed: NonNegativeInt = Field(description="Shards that count.")
    missing: NonNegativeInt = Field(0, description="Records that should be in a shard that counts, and are not.")
    duplicated: NonNegativeInt = Field(0, description="Records that are there more than once, after the first.")
    stale: NonNegativeInt = Field(0, description="Records with other values, and unexpected records.")
    first_difference: Text = Field("", description="Where to look in the files, without values.")
    other_bytes: NonNegativeInt = Field(0, description="Files whose bytes differ while their records are equal.")
    left: NonNegativeInt = Field(0, description="Files in the output folder of a run that published no result.")
    result: tuple[Text, ...] = Field((), description="Fields of the result that differ from the undisturbed run's.")
    beside: tuple[Text, ...] = Field((), description="What differs of the files that are published beside the output.")
    answer: tuple[Text, ...] = Field((), description="Fields of the caller's answer that differ from the result.")
    problems: tuple[Text, ...] = Field((), description="What the pipeline's own verify names.")
    unverified: Text = Field("", description="Why the pipeline's verify gave no answer; empty where it did.")

    @property
    def wrong(self) -> bool:
        """Whether the published output or the answer is misleading."""
        return bool(self.missing or self.duplicated or self.stale or self.differences)

    @property
    def records(self) -> int:
        """How many the digest of the result counts; 0 without a result."""
        return Digest.parse(self.digest).count if self.digest else 0

    @property
    def differences(self) -> list[str]:
        """All of them in words."""
        files = [self.first_difference] if self.first_difference else []
        said = {"result": self.result, "beside the output": self.beside, "answer": self.answer, "verify": self.problems}
        return files + [f"{where}: {each}" for where, found in said.items() for each in found]


@dataclass(frozen=True, order=True)
class Firing:
    """One fault at one attempt of the first invocation.

    Attributes:
        step: As the ledger names it.
        attempt: Counts from 1.
        kind: One of ``KINDS``.
    """

    step: str
    attempt: int
    kind: str

    def __str__(self) -> str:
        return f"{self.kind} at {self.step}, attempt {self.attempt}"


def _printable(attempt: Attempt) -> Attempt:
    end = attempt.end
    return replace(attempt, end=replace(end, error=printable(end.error))) if end else attempt


class Observation(Value):
    """A scenario on a column: everything that was seen."""

    scenario: str
    column: str
    repeat: PositiveInt
    observed_on: ObservedOn
    policy: Policy
    workers: PositiveInt = Field(description="Shards at a time.")
    shards: PositiveInt
    starts: tuple[Start, ...] = Field(min_length=1)
    attempts: tuple[Annotated[Attempt, AfterValidator(_printable)], ...] = Field(
        description="Of the ledger, oldest first."
    )
    engine: tuple[Record, ...] = Field(description="What the engine says of each start.")
    store: Published
    fired: tuple[Firing, ...] = Field(description="Faults that left a marker.")
    continues: bool = Field(description="Something was alive that could still finish the run.")
    deadline_seconds: NonNegativeFloat | None = Field(None, description="Of a start, from its first attempt.")
    patience_seconds: NonNegativeFloat | None = Field(None, description="Of silence, until a run no longer works.")
    command: Text = Field(description="Runs the cell again.")
    log: Text = Field(description="The last that its processes wrote.")
    failure: Text = Field("", description="What kept the cell from being observed; empty where it was.")

    @property
    def place(self) -> Place:
        """Scenario and column."""
        return self.scenario, self.column

    def impossible(self, until: datetime) -> str:
        """What of it cannot be, in words; empty where all can.

        Args:
            until: Nothing was observed later.
        """
        steps = {STAGE, AGGREGATE, *map(shard_step, range(self.shards))}
        for each in self.attempts:
            if each.step not in steps or each.number < 1 or each.invocation < 1:
                return f"attempt {each.number} at {each.step} of start {each.invocation}, in {self.shards} shards"
        if any(count < 0 for record in self.engine for count in record.attempts.values()):
            return "less than no attempts in the engine's record"
        if (latest := max(self._moments())) > until:
            return f"evidence of {latest:%Y-%m-%d}, which is in the future"
        if any(firing.attempt < 1 for firing in self.fired):
            return "a fault that fired before the first attempt"
        return ""

    def _moments(self) -> Iterator[datetime]:
        """All times that it tells of."""
        yield datetime.fromisoformat(self.observed_on.at)
        yield from (start.ended_at for start in self.starts)
        yield from (each.begin.at for each in self.attempts)
        yield from (each.end.moment.at for each in self.attempts if each.end)
        yield from (end for record in self.engine for ends in record.ends.values() for end in ends if end)


class Wait(Value):
    """The time between two attempts at a step."""

    step: str
    retry: PositiveInt
    declared_seconds: NonNegativeFloat
    observed_seconds: float = Field(description="From the end of one attempt to the claim of the next.")
    since_begin_seconds: float | None = Field(None, description="From the claim of the one to the claim of the next.")
    end_by: str = Field(description="Who recorded that end.")
    clock: str = Field(description="monotonic; wall, or different on two machines, where no one monotonic clock is.")
    others: NonNegativeInt = Field(description="The most attempts at other steps that ran at once meanwhile.")
    others_when_due: NonNegativeInt = Field(description="The same from the moment the wait should have been over.")


class Judgement(Value):
    """What follows from an observation; a reader derives it again."""

    verdict: Verdict | Absent
    tested: bool = Field(description="All that was planned happened.")
    expected: Expected
    step: str | None = Field(description="The faulted step; null where it is not one.")
    attempts: NonNegativeInt | None = Field(description="At the faulted step.")
    expected_attempts: NonNegativeInt | None
    mismatches: tuple[Text, ...] = Field(description="Where the cell is not as expected, or not as declared.")
    findings: tuple[Text, ...] = Field(description="Where the engine's record and the evidence disagree.")
    retries: NonNegativeInt = Field(description="Attempts after the first of their step and invocation.")
    deaths: NonNegativeInt = Field(description="Attempts that could not record their own end.")
    overlaps: tuple[str, ...] = Field(description="Attempts at one step that ran at the same time.")
    reprocessed: tuple[str, ...] = Field(description="Steps that a later start repeated although they were committed.")
    waits: tuple[Wait, ...]

    @property
    def as_expected(self) -> bool:
        """Whether nothing is to be said against it."""
        return not self.mismatches


class Cell(Observation):
    """An observation with its judgement."""

    judgement: Judgement
