"""When to choose which engine: a line stands only where the cells it cites bear it out, and says on what."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations, product
from typing import TYPE_CHECKING

from flows.compare.record.concluded import Line
from flows.compare.report.conclusions.bearing import Bearing
from flows.compare.report.conclusions.slots import holds_slot
from flows.engine.verdicts import RECOVERED, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.compare.record.comparison import Comparison
    from flows.compare.record.concluded import Cost, Slot
    from flows.compare.record.observed import Place

EITHER = "either"
PAIR = {"all": "both", "none": "neither"}  # what is said of two products
RESUMED = "kill_orchestrator_then_run_again"
BROKEN = {Verdict.FAILED, Verdict.STUCK}
ENDS = {  # of a step's process
    "kill_worker_once": "whose process is killed",
    "hang_once": "that never returns",
    "exit_without_result_once": "whose process leaves without a result",
}


ALIKE = (
    ("nothing_breaks", Verdict.UNAFFECTED, "only the output counts", "undisturbed, {all} publish the same records"),
    (
        RESUMED,
        Verdict.OURS,
        "the process that started a run may die",
        "{none} completes the run by itself; started again, {all} do, because the store knows what is done",
    ),
    (
        "duplicate_attempt",
        Verdict.OURS,
        "a shard must never count twice",
        "{none} prevents two attempts at once; atomic commits do, on {all}",
    ),
)


@dataclass(frozen=True)
class Reason:
    """Why to choose a product, or either: what somebody may need, what was observed, and where."""

    choose: str
    condition: str
    because: str
    cells: tuple[Place, ...]


def recommendations_of(comparison: Comparison, slots: tuple[Slot, ...], cost: Cost | None) -> tuple[Line, ...]:
    """All lines that the evidence bears out."""
    asked = _Question(comparison, Bearing(comparison))
    reasons = [*asked.ends(), *asked.terminal(), *asked.waiting(slots), *asked.alike(), *asked.money(cost)]
    order = [*comparison.products, EITHER]
    return tuple(asked.line(reason) for reason in sorted(reasons, key=lambda reason: order.index(reason.choose)))


@dataclass(frozen=True)
class _Question:
    """Asks what the cells of a comparison bear out, for each pair of products."""

    comparison: Comparison
    seen: Bearing

    def line(self, reason: Reason) -> Line:
        """A reason with what the cells were observed on and what the documentation promises of them."""
        chosen = self.comparison.products.get(reason.choose)
        scenarios = dict.fromkeys(scenario for scenario, _ in reason.cells)
        return Line(
            choose=reason.choose,
            condition=reason.condition,
            because=reason.because,
            cells=reason.cells,
            observed=self.seen.observed(reason.cells),
            documented=tuple(each for name in scenarios for each in chosen.promises_of(name)) if chosen else (),
        )

    def ends(self) -> Iterator[Reason]:
        """Of a step's process."""
        for (scenario, what), one in product(ENDS.items(), self.comparison.products):
            broken = self.seen.columns(one, scenario, BROKEN)
            survived = self.seen.columns(one, scenario, set(RECOVERED))
            for other in self.comparison.products.keys() - {one} if broken else ():
                if retried := self.seen.columns(other, scenario, {Verdict.ENGINE}):
                    kept = f", and {self._title(one)} retries it {_where(survived)}" if survived else ""
                    because = f"{self._title(other)} retries it; the run is stuck or fails {_where(broken)}{kept}"
                    condition = f"a step {what} must recover without code or settings of yours"
                    yield Reason(other, condition, because, _at(scenario, *retried, *broken))
            if survived and broken:
                because = f"it is retried {_where(survived)}, not {_where(broken)}"
                yield Reason(one, f"you can run it so that a step {what} recovers", because, _at(scenario, *survived))

    def terminal(self) -> Iterator[Reason]:
        """Errors that retrying cannot help."""
        name = "raise_terminal"
        for one, other in permutations(self.comparison.products, 2):
            for column in self.seen.columns(other, name, {Verdict.FAILED}):
                best = next(iter(self.seen.columns(one, name, {Verdict.FAILED})), "")
                few, many = self.seen.attempts(name, best), self.seen.attempts(name, column)
                if 0 < few < many:
                    attempts = "attempt" if few == 1 else "attempts"
                    because = (
                        f"an error that retrying cannot help costs {few} {attempts} on {self._title(one)} "
                        f"and {many} on {self._title(other)}"
                    )
                    yield Reason(one, "bad input is common and must fail at once", because, _at(name, best, column))

    def waiting(self, slots: tuple[Slot, ...]) -> Iterator[Reason]:
        """Whether waiting for a retry holds a slot."""
        name = "wait_beside_work"
        for one, other in permutations(self.comparison.products, 2):
            held = [c for c in self.seen.columns(one, name, set(RECOVERED)) if holds_slot(slots, c)]
            free = [c for c in self.seen.columns(other, name, set(RECOVERED)) if not holds_slot(slots, c)]
            if not held or not free:
                continue
            first, second = self._title(one), self._title(other)
            because = f"a shard that waits holds its slot on {first}, and frees it for another on {second}"
            yield Reason(
                other, "waits are long or many, and other work must continue", because, _at(name, *held, *free)
            )
            if any(slot.queued for slot in slots if slot.column in free):
                because = (
                    f"the retry on {first} starts when it is due; "
                    f"on {second} it queues for a slot that another shard took"
                )
                condition = "a retry must come when it is due, however busy the workers are"
                yield Reason(one, condition, because, _at(name, *held))

    def alike(self) -> Iterator[Reason]:
        """Where it does not matter."""
        two = len(self.comparison.products) == len(PAIR)
        words = PAIR if two else {"all": "all", "none": "none"}
        for name, verdict, condition, because in ALIKE:
            sides = [self.seen.columns(each, name, {verdict}) for each in self.comparison.products]
            if len(sides) > 1 and all(sides):
                cells = _at(name, *(column for side in sides for column in side))
                yield Reason(EITHER, condition, because.format(**words) + self._orphans(name, cells), cells)

    def money(self, cost: Cost | None) -> Iterator[Reason]:
        """What is paid while nothing runs."""
        if cost is None or not cost.break_even:
            return
        pair = cost.break_even[0]
        cells = _at(cost.scenario, pair.monthly, pair.by_the_second)
        old = f", as of {cost.old[0]}" if cost.old else ""
        idle, busy = (self.comparison.columns[name].product for name in (pair.by_the_second, pair.monthly))
        yield Reason(idle, "runs are few", f"machines by the month are paid while they are idle{old}", cells)
        yield Reason(busy, "there is work all day", f"machines by the month cost less once they are busy{old}", cells)

    def _orphans(self, name: str, cells: tuple[Place, ...]) -> str:
        """Where attempts of the first start still ran beside the second."""
        orphans = [column for scenario, column in cells if self.seen.overlaps(scenario, column)]
        if name != RESUMED or not orphans:
            return ""
        return f"; attempts of the first start still ran beside the second {_where(orphans)}"

    def _title(self, product: str) -> str:
        return self.comparison.products[product].title


def _at(scenario: str, *columns: str) -> tuple[Place, ...]:
    return tuple((scenario, column) for column in columns)


def _where(columns: list[str]) -> str:
    return f"on {', '.join(columns)}"
