"""The first sentences of a report, each with its evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.compare.record.concluded import Sentence
from flows.compare.report.conclusions.delays import TOLERANCE
from flows.engine.verdicts import Verdict

if TYPE_CHECKING:
    from flows.compare.record.comparison import Comparison
    from flows.compare.record.concluded import Delays
    from flows.compare.record.observed import Cell, Place


def answer_of(comparison: Comparison, delays: tuple[Delays, ...]) -> tuple[Sentence, ...]:
    """Two to four sentences beside the questions: whether the output is right, when retries came, what is missing.

    Args:
        comparison: What was observed.
        delays: What follows from its waits.
    """
    sentences = [_correctness(comparison), _waits(delays), _unobserved(comparison)]
    return tuple(sentence for sentence in sentences if sentence)


def _correctness(comparison: Comparison) -> Sentence:
    wrong = [cell for cell in comparison.cells if cell.judgement.verdict is Verdict.WRONG]
    count = f"{len(comparison.cells)} runs of {len(comparison.scenarios)} scenarios"
    if wrong:
        where = ", ".join(dict.fromkeys(" on ".join(cell.place) for cell in wrong))
        return Sentence(text=f"Of {count}, {len(wrong)} were silently wrong: {where}.", cells=_places(wrong))
    unclear = [cell for cell in comparison.cells if not cell.judgement.as_expected]
    others = f" {len(unclear)} were not as expected." if unclear else ""
    return Sentence(text=f"Of {count}, none was silently wrong.{others}", cells=_places(unclear), section="cells")


def _waits(delays: tuple[Delays, ...]) -> Sentence | None:
    """How far the waits are from what was declared, queued ones apart."""
    judged = [(delay.late_by, delay) for delay in delays if delay.late_by is not None]
    if not judged:
        return None
    late_by, latest = max(judged, key=lambda each: each[0])
    early = [f"{delay.column} by {delay.early_by:g} s" for _, delay in judged if delay.early_by]
    late = f"at most {late_by + TOLERANCE:.2f} s after they were due ({latest.column})"
    if not late_by:
        late = f"within {TOLERANCE:g} s of the declared wait"
    text = f"Retries came {late}" + (f", and too early on {', '.join(early)}." if early else ", and never early.")
    return Sentence(text=text, section="delays")


def _unobserved(comparison: Comparison) -> Sentence | None:
    columns = comparison.columns.items()
    parts = [f"{name} was not observed ({each.not_observed})" for name, each in columns if each.not_observed]
    stand_ins = [name for name, each in columns if each.stand_in and each.observed_on]
    parts += [f"{name} is a local stand-in and no statement about the cloud" for name in stand_ins]
    return Sentence(text=f"{'; '.join(parts)}.", section="cells") if parts else None


def _places(cells: list[Cell]) -> tuple[Place, ...]:
    return tuple(dict.fromkeys(cell.place for cell in cells))
