"""The answer first: a few sentences that somebody who must choose can act on, each with its evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.compare.record.concluded import Sentence
from flows.compare.report.conclusions.bearing import Bearing
from flows.compare.report.conclusions.delays import TOLERANCE
from flows.compare.report.conclusions.recommendations import ENDS
from flows.engine.verdicts import RECOVERED, Verdict

if TYPE_CHECKING:
    from flows.compare.record.comparison import Column, Comparison
    from flows.compare.record.concluded import Delays
    from flows.compare.record.observed import Cell, Place

BROKEN = {Verdict.FAILED, Verdict.STUCK}


def answer_of(comparison: Comparison, delays: tuple[Delays, ...]) -> tuple[Sentence, ...]:
    """Three to six sentences.

    Args:
        comparison: What was observed.
        delays: What follows from its waits.
    """
    seen = Bearing(comparison)
    sentences = [
        _correctness(comparison),
        *(_process_ends(seen, comparison, product) for product in comparison.products),
        _interrupted(seen, comparison),
        _waits(delays),
        _unobserved(comparison),
    ]
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


def _process_ends(seen: Bearing, comparison: Comparison, product: str) -> Sentence | None:
    """What a product makes of a step whose process ends or hangs, by column."""
    groups: dict[str, list[str]] = {}
    cells: list[Place] = []
    for column, about in comparison.columns.items():
        found = {scenario: seen.verdict(scenario, column) for scenario in ENDS}
        verdicts = {verdict for verdict in found.values() if verdict}
        if about.product == product and verdicts:
            groups.setdefault(_in_words(verdicts), []).append(_title(column, about))
            cells += [(scenario, column) for scenario, verdict in found.items() if verdict]
    if not groups:
        return None
    said = "; ".join(f"{', '.join(columns)}: {what}" for what, columns in groups.items())
    title = comparison.products[product].title
    text = f"When the process of a step is killed, hangs or leaves silently on {title}: {said}."
    return Sentence(text=text, cells=tuple(cells))


def _in_words(verdicts: set[Verdict]) -> str:
    if verdicts <= RECOVERED:
        return "the step is retried and the run completes"
    named = " or ".join(verdict.value for verdict in Verdict if verdict in verdicts)
    return f"the run ends {named}" if verdicts <= BROKEN else f"it depends, {named}"


def _interrupted(seen: Bearing, comparison: Comparison) -> Sentence | None:
    name = "kill_orchestrator_then_run_again"
    columns = [column for column in comparison.columns if seen.verdict(name, column) is Verdict.OURS]
    if not columns:
        return None
    orphans = [column for column in columns if seen.overlaps(name, column)]
    beside = f" On {', '.join(orphans)} attempts of the first start still ran beside the second." if orphans else ""
    text = (
        f"When the process that started a run dies, start the run again: it completes on {', '.join(columns)}.{beside}"
    )
    return Sentence(text=text, cells=tuple((name, column) for column in columns))


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


def _title(column: str, about: Column) -> str:
    return f"{column} (stand-in)" if about.stand_in else column


def _places(cells: list[Cell]) -> tuple[Place, ...]:
    return tuple(dict.fromkeys(cell.place for cell in cells))
