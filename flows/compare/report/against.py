"""Reports what changed since an earlier comparison."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flows.compare.record.concluded import Change
from flows.compare.report.conclusions.delays import TOLERANCE
from flows.engine.verdicts import Absent, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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
BEYOND = 0.25  # of the longest time of before, that a run takes longer before it is reported
NUMBER = re.compile(r"\d+(\.\d+)?")


def changes(new: Comparison, old: Comparison) -> list[Change]:
    """Return the changes, regressions first, for cells that both comparisons have."""
    found = [*_subject(new, old), *_gone(new, old), *_versions(new, old)]
    found += [*_cells(new, old), *_delays(new, old), *_times(new, old)]
    return sorted(found, key=lambda change: not change.regression)


def _subject(new: Comparison, old: Comparison) -> Iterator[Change]:
    """Another job or another policy: then other verdicts may have another reason than the engines."""
    now, then = new.subject, old.subject
    for what, value in now.items():
        if value != then[what]:
            yield Change(where=what, message=f"was {then[what]}, and is {value}", regression=False)


def _gone(new: Comparison, old: Comparison) -> Iterator[Change]:
    seen = {name for name, column in old.columns.items() if not column.not_observed}
    for what, names in {
        "columns": seen - new.columns.keys(),
        "scenarios": old.scenarios.keys() - new.scenarios.keys(),
        "cells": {" on ".join(at) for at in _by_place(old).keys() - _by_place(new).keys() if _in_both(at, new, old)},
    }.items():
        if names:
            message = f"were observed, and are not: {', '.join(sorted(names))}"
            yield Change(where=what, message=message, regression=False)


def _in_both(at: Place, new: Comparison, old: Comparison) -> bool:
    """Whether both have the scenario and the column of a cell, and observed the column."""
    scenario, column = at
    there = column in new.columns and not new.columns[column].not_observed
    return there and scenario in new.scenarios and scenario in old.scenarios


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
    after, before = (max((cell.judgement.verdict for cell in cells), key=RANK.__getitem__) for cells in (now, then))
    if after != before:
        yield Change(where=where, message=f"{before} is now {after}", regression=RANK[after] > RANK[before])
    mismatches = _new((cell.judgement.mismatches for cell in now), (cell.judgement.mismatches for cell in then))
    attempts, earlier = (sorted({cell.judgement.attempts or 0 for cell in cells}) for cells in (now, then))
    if attempts != earlier:
        message = f"attempts at the faulted step: {_list(earlier)} are now {_list(attempts)}"
        yield Change(where=where, message=message, regression=bool(mismatches))
    for message in mismatches:
        yield Change(where=where, message=f"is not as expected, as it was not before: {message}", regression=True)
    for message in _new((cell.judgement.findings for cell in now), (cell.judgement.findings for cell in then)):
        yield Change(where=where, message=f"has a finding that it had not: {message}", regression=False)


def _new(now: Iterable[tuple[str, ...]], then: Iterable[tuple[str, ...]]) -> list[str]:
    """Sentences that were not there before, whatever the numbers in them."""
    known = {NUMBER.sub("0", each) for said in then for each in said}
    found = {NUMBER.sub("0", each): each for said in now for each in said}
    return [each for shape, each in found.items() if shape not in known]


def _delays(new: Comparison, old: Comparison) -> Iterator[Change]:
    """Medians outside of what was observed before, by more than the tolerance."""
    before = {(each.column, each.retry, each.declared): each for each in old.conclusions.delays}
    for delay in new.conclusions.delays:
        then = before.get((delay.column, delay.retry, delay.declared))
        if then and not then.shortest - TOLERANCE <= delay.median <= then.longest + TOLERANCE:
            spread = f"{then.shortest:g} to {then.longest:g} s"
            message = f"retry {delay.retry} came after {spread}, and comes after {delay.median:g} s (median)"
            yield Change(where=delay.column, message=message, regression=False)


def _times(new: Comparison, old: Comparison) -> Iterator[Change]:
    """Whole runs without faults that take longer than the longest of before."""
    before = {(each.column, each.shards): each.whole for each in old.conclusions.scheduling if each.whole}
    for each in new.conclusions.scheduling:
        then = before.get((each.column, each.shards))
        if each.whole and then and each.whole.median > then.most * (1 + BEYOND):
            spread = f"{then.least:g} to {then.most:g} s"
            message = f"a run in {each.shards} shards took {spread}, and takes {each.whole.median:g} s (median)"
            yield Change(where=each.column, message=message, regression=False)


def _list(numbers: list[int]) -> str:
    return " or ".join(map(str, numbers))
