"""What changed since an earlier comparison: verdicts, attempts, new mismatches, waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.compare.record.concluded import Change
from flows.compare.report.conclusions.delays import TOLERANCE
from flows.engine.verdicts import Absent, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.compare.record.comparison import Comparison
    from flows.compare.record.observed import Cell, Place

RANK = {  # the higher the worse
    Verdict.UNAFFECTED: 0,
    Verdict.ENGINE: 1,
    Verdict.OURS: 1,
    Verdict.FAILED: 2,
    Verdict.STUCK: 3,
    Absent.NOT_TESTED: 4,
    Verdict.WRONG: 5,
}


def changes(new: Comparison, old: Comparison) -> list[Change]:
    """What changed in the cells that both comparisons have, regressions first."""
    found = [*_versions(new, old), *_cells(new, old), *_delays(new, old)]
    return sorted(found, key=lambda change: not change.regression)


def _versions(new: Comparison, old: Comparison) -> Iterator[Change]:
    for name, column in new.columns.items():
        then, now = (old.columns[name].observed_on if name in old.columns else None), column.observed_on
        if then and now and (then.served_by, then.version) != (now.served_by, now.version):
            message = f"{then.served_by} {then.version} is now {now.served_by} {now.version}"
            yield Change(where=name, message=message, regression=False)
        if then and column.not_observed:
            yield Change(where=name, message=f"was observed, and is not: {column.not_observed}", regression=False)


def _cells(new: Comparison, old: Comparison) -> Iterator[Change]:
    now, then = _by_place(new), _by_place(old)
    for at in now.keys() & then.keys():
        yield from _cell(" on ".join(at), now[at], then[at])


def _by_place(comparison: Comparison) -> dict[Place, list[Cell]]:
    found: dict[Place, list[Cell]] = {}
    for cell in comparison.cells:
        found.setdefault(cell.place, []).append(cell)
    return found


def _cell(where: str, now: list[Cell], then: list[Cell]) -> Iterator[Change]:
    """Of repetitions the worst counts."""
    worst, before = (max((cell.judgement.verdict for cell in cells), key=RANK.__getitem__) for cells in (now, then))
    if worst != before:
        yield Change(where=where, message=f"{before} is now {worst}", regression=RANK[worst] > RANK[before])
    unexpected = [message for cell in now for message in cell.judgement.mismatches]
    attempts, earlier = (sorted({cell.judgement.attempts or 0 for cell in cells}) for cells in (now, then))
    if attempts != earlier:
        message = f"attempts at the faulted step: {_list(earlier)} are now {_list(attempts)}"
        yield Change(where=where, message=message, regression=bool(unexpected))
    if unexpected and all(cell.judgement.as_expected for cell in then):
        yield Change(where=where, message=f"was as expected, and is not: {unexpected[0]}", regression=True)


def _delays(new: Comparison, old: Comparison) -> Iterator[Change]:
    """Medians outside of what was observed before, by more than the tolerance."""
    before = {(each.column, each.retry, each.declared): each for each in old.conclusions.delays}
    for delay in new.conclusions.delays:
        then = before.get((delay.column, delay.retry, delay.declared))
        if then and not then.shortest - TOLERANCE <= delay.median <= then.longest + TOLERANCE:
            spread = f"{then.shortest:g} to {then.longest:g} s"
            message = f"retry {delay.retry} came after {spread}, and comes after {delay.median:g} s (median)"
            yield Change(where=delay.column, message=message, regression=False)


def _list(numbers: list[int]) -> str:
    return " or ".join(map(str, numbers))
