"""The questions of a reader who chooses an engine, with the answer of each product from all its columns.

The columns of the product itself answer. A stand-in answers only where none of them was observed, and says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from flows.compare.record.concluded import Answer, Question
from flows.compare.report.conclusions.costs import SCENARIO as AT_SCALE
from flows.compare.report.conclusions.slots import SCENARIO as WAITING
from flows.compare.report.conclusions.slots import holds_slot
from flows.engine.verdicts import Absent, Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from flows.compare.record.comparison import Comparison
    from flows.compare.record.concluded import Cost, Curve, Slot
    from flows.compare.record.observed import Cell

WORDS: dict[Outcome, str] = {  # in the order in which an answer has them
    Verdict.UNAFFECTED: "completes",
    Verdict.ENGINE: "recovers",
    Verdict.OURS: "recovers by our code",
    Verdict.FAILED: "fails",
    Verdict.STUCK: "is stuck",
    Verdict.WRONG: "is silently wrong",
    Absent.NOT_TESTED: "not tested",
    Absent.NOT_OBSERVED: "not observed",
}


@dataclass(frozen=True)
class Asked:
    """A question that the verdicts of one scenario per column answer.

    Attributes:
        asks: What happens, in words.
        scenarios: The first of them that a column ran answers.
        words: Verdicts that mean something else here than elsewhere.
        attempts: Whether the number of attempts is part of the answer.
    """

    asks: str
    scenarios: tuple[str, ...]
    words: tuple[tuple[Outcome, str], ...] = ()
    attempts: bool = False


ASKED = (
    Asked("A step raises an error", ("raise_twice",)),
    Asked("The process of a step is killed", ("kill_worker_once",)),
    Asked("A step never returns", ("hang_once",)),
    Asked("Bad input: a retry cannot help", ("raise_terminal",), attempts=True),
    Asked(
        "The orchestrator is killed",
        ("kill_orchestrator_then_run_again",),
        ((Verdict.OURS, "completes when it is started again"),),
    ),
    Asked("The orchestrator is killed, and the run has retries", ("kill_orchestrator_with_run_retries",)),
    Asked("A machine is lost", ("deployed_kill_flow_and_worker",)),
    Asked(
        "A run is cancelled",
        ("deployed_cancel_while_hanging", "cancel_mid_run"),
        ((Verdict.FAILED, "ends"),),
    ),
)


def questions_of(comparison: Comparison, slots: tuple[Slot, ...], cost: Cost | None) -> tuple[Question, ...]:
    """Every question that a product answers."""
    rows = [_by_verdict(comparison, asked) for asked in ASKED]
    rows += [_by_slot(comparison, slots), _by_cost(comparison, cost)]
    return tuple(row for row in rows if any(answer.cells for answer in row.answers))


def differing(comparison: Comparison) -> Iterator[str]:
    """Scenarios in which a stand-in and the product that it stands for came to different verdicts, in words."""
    for scenario in comparison.scenarios:
        for name, product in comparison.products.items():
            own = _seen(comparison, name, (scenario,), stand_in=False)
            ours = _seen(comparison, name, (scenario,), stand_in=True)
            real, standing = _verdicts(own), _verdicts(ours)
            if real and standing and real != standing:
                yield (
                    f"{scenario}: {_worded(own)} on {_columns(own)}, and {_worded(ours)} on {_columns(ours)}, "
                    f"which stands in for {product.title}; trust the first"
                )


def _by_verdict(comparison: Comparison, asked: Asked) -> Question:
    words = WORDS | dict(asked.words)

    def said(cell: Cell) -> str:
        verdict, attempts = words[cell.judgement.verdict], cell.judgement.attempts
        if not asked.attempts or not attempts:
            return verdict
        return f"{verdict} after {attempts} attempt{'s' * (attempts > 1)}"

    def answer(product: str) -> Answer:
        cells = _observed(comparison, product, asked.scenarios)
        return _answer(comparison, product, [(said(cell), cell) for cell in cells])

    return Question(asks=asked.asks, answers=tuple(map(answer, comparison.products)))


def _by_slot(comparison: Comparison, slots: tuple[Slot, ...]) -> Question:
    """Whether a shard that waits for its retry keeps others from working."""
    known = {slot.column for slot in slots}

    def answer(product: str) -> Answer:
        cells = _observed(comparison, product, (WAITING,), known)
        said = {True: "holds its slot", False: "frees its slot"}
        return _answer(comparison, product, [(said[holds_slot(slots, cell.column)], cell) for cell in cells])

    return Question(asks="A retry waits", answers=tuple(map(answer, comparison.products)))


def _by_cost(comparison: Comparison, cost: Cost | None) -> Question:
    """Dollars at the two ends of the curves of a product; which end counts is the reader's to know."""
    curves = {curve.column: curve for curve in cost.curves} if cost else {}

    def answer(product: str) -> Answer:
        cells = _observed(comparison, product, (AT_SCALE,), curves)
        said = _dollars([curves[cell.column] for cell in cells]) if cells else ""
        return _answer(comparison, product, [(said, cell) for cell in cells])

    return Question(asks="A million records cost", answers=tuple(map(answer, comparison.products)))


def _dollars(curves: list[Curve]) -> str:
    busy, idle = (_range(curve.points[end].dollars.median for curve in curves) for end in (-1, 0))
    if not curves[0].monthly:
        return f"{busy}, paid by the second"
    return f"{busy} if machines are always busy, {idle} if busy {curves[0].points[0].utilisation:.0%} of the time"


def _range(dollars: Iterable[float]) -> str:
    ends = sorted(f"${each:.2g}" for each in dollars)
    return ends[0] if ends[0] == ends[-1] else f"{ends[0]} to {ends[-1]}"


def _answer(comparison: Comparison, product: str, said: list[tuple[str, Cell]]) -> Answer:
    """What all columns of a product say, grouped; a column whose repetitions differ stands in each group."""
    order = list(WORDS)
    groups: dict[str, list[str]] = {}
    for text, cell in sorted(said, key=lambda each: order.index(each[1].judgement.verdict)):
        names = groups.setdefault(text, [])
        if (name := _short(cell.column, product)) not in names:
            names.append(name)
    stand_in = any(comparison.columns[cell.column].stand_in for _, cell in said)
    one = len(groups) == 1
    texts = [text if one else f"{', '.join(names)}: {text}" for text, names in groups.items()]
    return Answer(
        product=product,
        text="; ".join(texts) or WORDS[Absent.NOT_OBSERVED],
        stand_in=stand_in,
        cells=tuple(dict.fromkeys(cell.place for _, cell in said)),
        observed_on=tuple(dict.fromkeys(_on(cell) for _, cell in said)),
    )


def _observed(
    comparison: Comparison, product: str, scenarios: Iterable[str], among: Container[str] | None = None
) -> list[Cell]:
    """The cells of a product's own columns, all or some; those of its stand-ins where there are none."""
    for stand_in in (False, True):
        cells = _seen(comparison, product, scenarios, stand_in=stand_in)
        if found := [cell for cell in cells if among is None or cell.column in among]:
            return found
    return []


def _seen(comparison: Comparison, product: str, scenarios: Iterable[str], *, stand_in: bool) -> list[Cell]:
    found = []
    for name, about in comparison.columns.items():
        if about.product == product and about.stand_in is stand_in:
            found += next((cells for scenario in scenarios if (cells := comparison.at(scenario, name))), [])
    return found


def _verdicts(cells: Iterable[Cell]) -> set[Outcome]:
    """What was tested; that a stand-in recovers by itself or by our code is the same of our code."""
    tested = {cell.judgement.verdict for cell in cells if cell.judgement.tested}
    return {Verdict.ENGINE if verdict is Verdict.OURS else verdict for verdict in tested}


def _worded(cells: Iterable[Cell]) -> str:
    return " or ".join(dict.fromkeys(cell.judgement.verdict.value for cell in cells))


def _columns(cells: Iterable[Cell]) -> str:
    return ", ".join(name for name, _ in groupby(cells, lambda cell: cell.column))


def _short(column: str, product: str) -> str:
    """A column's name without its product's; the column that has no more than that is plain."""
    return column.removeprefix(product).removeprefix("-") or "plain"


def _on(cell: Cell) -> str:
    on = cell.observed_on
    return f"{on.served_by} ({on.version}), {on.at[:10]}"
