"""What follows from the cells of a comparison."""

from __future__ import annotations

from pydantic import Field

from flows.compare.record.observed import Place
from flows.compare.record.value import Value
from flows.engine.pricing import BY_THE_MONTH, OLD, Price

Prices = tuple[Price, ...]


class Spread(Value):
    """Some numbers of one kind."""

    median: float
    least: float
    most: float
    n: int


class Sentence(Value):
    """One sentence of the answer, with the cells behind it, or the section of the page."""

    text: str
    cells: tuple[Place, ...] = ()
    section: str = ""


class Answer(Value):
    """What was observed of one product, in words."""

    product: str
    text: str
    stand_in: bool = Field(description="Only our stand-in for the product was observed.")
    cells: tuple[Place, ...]
    observed_on: tuple[str, ...]


class Question(Value):
    """One thing that can happen to a run, with an answer for each product."""

    asks: str
    answers: tuple[Answer, ...]


class Delays(Value):
    """The waits before one retry on one column, in seconds."""

    column: str
    retry: int
    declared: float
    n: int
    shortest: float
    median: float
    longest: float
    queued: int = Field(description="How many were due while all slots were taken by others.")
    early_by: float = Field(description="By how much the shortest is before the declared wait.")
    late_by: float | None = Field(description="Of those that did not queue, beyond the tolerance; null if all queued.")


class Scheduling(Value):
    """How soon work begins, in seconds."""

    column: str
    shards: int
    first_claim: Spread | None
    due_to_claim: Spread | None
    whole: Spread | None


class Slot(Value):
    """One wait while others want all slots: one that they do not get is held."""

    column: str
    step: str
    declared_seconds: float
    waiting_seconds: float
    others_at_once: int
    workers: int
    held: bool
    queued: bool


class Amplification(Value):
    """Attempts at a shard that fails after all retries, in both starts, and shards processed again."""

    column: str
    first_start_attempts: int
    second_start_attempts: int
    others_again: int


class Resume(Value):
    """Seconds of an undisturbed run, of a run until its orchestrator was killed, and of its resumption."""

    column: str
    undisturbed: Spread | None
    interrupted: Spread | None
    resumed: Spread | None
    reprocessed: int
    at_once: int


class Notice(Value):
    """Seconds until an engine knows of the end of a run, its slot is free, and the run is started again."""

    scenario: str
    column: str
    again: Spread | None = None
    known: Spread | None
    slot_free: Spread | None
    watched_for: float


class Point(Value):
    """Dollars of a million records at one utilisation."""

    utilisation: float
    dollars: Spread


class Curve(Value):
    """Dollars of a million records on one column."""

    column: str
    paid: str
    stand_in: bool
    core_seconds: Spread
    points: tuple[Point, ...]

    @property
    def monthly(self) -> bool:
        """Whether its machines are paid by the month."""
        return self.paid == BY_THE_MONTH

    @property
    def when_busy(self) -> float:
        """Dollars when machines are always busy."""
        return self.points[-1].dollars.median


class BreakEven(Value):
    """The utilisation at which machines by the month and by the second cost the same."""

    monthly: str
    by_the_second: str
    least: float
    most: float


class Cost(Value):
    """What a million records cost."""

    scenario: str
    curves: tuple[Curve, ...]
    break_even: tuple[BreakEven, ...]
    assumption: str
    old: tuple[str, ...] = Field(description="Days of prices that are old by now.")
    old_after_days: int = OLD
    prices: Prices


class Change(Value):
    """One thing that is not as it was in an earlier comparison."""

    where: str = Field(description="Scenario and column, or a column.")
    message: str
    regression: bool


class Conclusions(Value):
    """All that follows; empty where no cell bears on it."""

    answer: tuple[Sentence, ...] = ()
    questions: tuple[Question, ...] = ()
    contradictions: tuple[str, ...] = ()
    delays: tuple[Delays, ...] = ()
    scheduling: tuple[Scheduling, ...] = ()
    slots: tuple[Slot, ...] = ()
    amplification: tuple[Amplification, ...] = ()
    resume: tuple[Resume, ...] = ()
    notices: tuple[Notice, ...] = ()
    cost: Cost | None = None
