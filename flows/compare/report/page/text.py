"""Texts of the report page: verdicts, column heads, what was published, where it was observed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.engine.verdicts import Absent, Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flows.compare.record.comparison import Column
    from flows.compare.record.observed import Cell

LETTERS: dict[Outcome, str] = {  # the worst last
    Verdict.UNAFFECTED: "U",
    Verdict.ENGINE: "E",
    Verdict.OURS: "O",
    Verdict.FAILED: "F",
    Verdict.STUCK: "S",
    Absent.NOT_TESTED: "?",
    Verdict.WRONG: "W",
}


def observed_on(column: Column) -> str:
    """Where a column was observed, or why it was not."""
    on = column.observed_on
    if on is None:
        return f"not observed: {column.not_observed}"
    partly = f"; not observed: {column.observed_until}" if column.observed_until else ""
    apart = f"; nothing is concluded from it: {column.apart}" if column.apart else ""
    return f"{on.served_by} ({on.version}), {on.at[:10]}{partly}{apart}"


def head(name: str, column: Column) -> list[str]:
    """A column's name in at most three lines: ``engine``, ``deployed``."""
    stem, _, dated = name.partition(" ")
    first, _, rest = stem.partition("-")
    return [line for line in (first, rest, dated or ("stand-in" if column.stand_in else "")) if line]


def worst(cells: Iterable[Cell]) -> str:
    """The class in report.css of the worst verdict of a cell's repetitions."""
    return _in_order(cells)[-1].name.lower()


def letters(cells: Iterable[Cell]) -> str:
    """A letter for each verdict of a cell's repetitions, and a mark where one is not as expected."""
    found = list(cells)
    mark = "" if all(cell.judgement.as_expected for cell in found) else "!"
    return "".join(LETTERS[verdict] for verdict in _in_order(found)) + mark


def in_words(cells: Iterable[Cell]) -> str:
    """The same in words, with the attempts at the faulted step."""
    kinds = dict.fromkeys((cell.judgement.verdict.value, cell.judgement.attempts) for cell in cells)
    return ", ".join(f"{verdict}{f' ({attempts})' if attempts else ''}" for verdict, attempts in kinds)


def legend(cells: Iterable[Cell]) -> list[tuple[str, str, str]]:
    """The verdicts that occur, each with its letter and class."""
    return [(verdict.value, LETTERS[verdict], verdict.name.lower()) for verdict in _in_order(cells)]


def _in_order(cells: Iterable[Cell]) -> list[Outcome]:
    found = {cell.judgement.verdict for cell in cells}
    return [verdict for verdict in LETTERS if verdict in found]


def published(cell: Cell) -> str:
    """What a cell left in its store, in a few words."""
    store = cell.store
    if store.first_difference:
        return f"differs: {store.missing} missing, {store.duplicated} duplicated, {store.stale} stale"
    if store.differences:
        return store.differences[0]
    return "the reference's digest" if store.finished else f"no result, {store.committed} of {cell.shards} shards"


def anchor(scenario: str, column: str = "", repeat: int = 1) -> str:
    """The id of a scenario's section, or of a cell in it; the first repetition's where only a column is cited."""
    parts: Iterable[str] = (scenario, column.replace(" ", "-"), str(repeat) if repeat > 1 else "")
    return "--".join(part for part in ("at", *parts) if part)
