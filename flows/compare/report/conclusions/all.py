"""Derives all conclusions from the cells of a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.compare.record.concluded import Conclusions
from flows.compare.report.conclusions.answer import answer_of
from flows.compare.report.conclusions.costs import costs_of
from flows.compare.report.conclusions.delays import delays_of
from flows.compare.report.conclusions.notices import notices_of
from flows.compare.report.conclusions.promises import contradictions
from flows.compare.report.conclusions.questions import differing, questions_of
from flows.compare.report.conclusions.resume import amplification_of, resumes_of
from flows.compare.report.conclusions.scheduling import scheduling_of
from flows.compare.report.conclusions.slots import slots_of

if TYPE_CHECKING:
    from flows.compare.record.comparison import Comparison
    from flows.compare.record.concluded import Prices


def conclude(comparison: Comparison, prices: Prices) -> Comparison:
    """The comparison with all that follows from its cells, as far as they are of one job under one policy."""
    whole, comparison = comparison, comparison.together
    cells = comparison.cells
    slotted = {name for name, column in comparison.columns.items() if column.slots}
    in_slots = [cell for cell in cells if cell.column in slotted]
    slots, cost, delays = slots_of(in_slots), costs_of(comparison, prices, comparison.made_at.date()), delays_of(cells)
    found = Conclusions(
        answer=answer_of(comparison, delays),
        questions=questions_of(comparison, slots, cost),
        contradictions=tuple(dict.fromkeys((*contradictions(comparison), *differing(comparison)))),
        delays=delays,
        scheduling=scheduling_of(cells, slotted),
        slots=slots,
        amplification=amplification_of(cells),
        resume=resumes_of(cells),
        notices=notices_of(comparison),
        cost=cost,
    )
    return whole.model_copy(update={"conclusions": found})
