"""Finds the values that differ between two runs without faults, and leaves them out of comparisons."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shared.state.table import Cell, Row, State, Table

_DATE = r"(?<!\d)\d{4}-?\d{2}-?\d{2}(?!\d)"
_CLOCK = r"\d{2}[:.-]?\d{2}[:.-]?\d{2}(?!\d)([.,]\d+)?"
_ALONE = r"(?<!\d)\d{2}:\d{2}:\d{2}(?!\d)([.,]\d+)?"  # a time without a date
# What may differ inside a text; each level includes the levels before it.
LEVELS = {
    "times": rf"{_DATE}([T _-]{_CLOCK})?( ?(Z|UTC|[+-]\d{{2}}:?\d{{2}}))?|{_ALONE}",
    "ids": r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|tmp[a-z0-9_]{8}"
    r"|\b(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{8,}\b",
    "long numbers": r"\d{9,}(\.\d+)?",
    "numbers": r"\d+(\.\d+)?",
}


@dataclass(frozen=True)
class Varying:
    """A value that differs between two equal runs.

    Attributes:
        table: The table.
        column: The column; empty for the table as a whole, or for its name.
        level: The part of the text that differs, a key of ``LEVELS``; empty for the whole value.
        order: Whether only the order of the rows differs.
    """

    table: str
    column: str = ""
    level: str = ""
    order: bool = False

    def __str__(self) -> str:
        """The text for a report."""
        if self.order:
            return f"the order of {self.table}"
        what = f"{self.table}: {self.column}" if self.column else self.table
        if self.level and not self.column:
            return f"{self.level} in the name of {what}"
        return f"{self.level} in {what}" if self.level else what


def find_varying(first: State, second: State) -> list[Varying]:
    """Return what must be left out to make both states equal."""
    named = _varying_names(first, second)
    first, second = leave_out(first, named), leave_out(second, named)
    found = [each for name in first.keys() & second.keys() for each in _in_table(name, first[name], second[name])]
    alone = [Varying(name) for name in first.keys() ^ second.keys()]
    return named + sorted(found + alone, key=str)


def alike(first: State, second: State) -> tuple[State, State]:
    """Remove the times and ids of the run from both states; other differences stay."""
    made = [each for each in find_varying(first, second) if each.level and each.level != "numbers"]
    return leave_out(first, made), leave_out(second, made)


def leave_out(state: State, varying: Iterable[Varying]) -> State:
    """Return a state without the varying values."""
    varying = list(varying)
    for level in [each.level for each in varying if each.level and not each.column]:
        state = _renamed(state, level)
    for each in varying:
        if (each.column or each.order) and each.table in state:
            state = state | {each.table: _without(state[each.table], each)}
    whole = {each.table for each in varying if not each.column and not each.level and not each.order}
    return {name: table for name, table in state.items() if name not in whole}


def _varying_names(first: State, second: State) -> list[Varying]:
    """Return names of files that differ in a time or an id; empty if no level makes the names equal."""
    only = sorted(first.keys() ^ second.keys())
    if not only:
        return []
    for level in LEVELS:
        if _renamed(first, level).keys() == _renamed(second, level).keys():
            return [Varying(masked(only[0], level), level=level)]
    return []


def _renamed(state: State, level: str) -> State:
    """Remove the varying part of names; duplicate names get a number."""
    renamed: dict[str, Table] = {}
    for name in sorted(state, key=lambda name: (masked(name, level), repr(state[name].rows))):
        shared = new = masked(name, level)
        number = 1
        while new in renamed:
            number += 1
            new = f"{shared} ({number})"
        renamed[new] = state[name]
    return renamed


def _in_table(name: str, first: Table, second: Table) -> list[Varying]:
    columns = tuple(dict.fromkeys([*first.columns, *second.columns]))
    one, two = first.only(columns), second.only(columns)
    if len(one.rows) != len(two.rows):
        return [Varying(name)]
    found = [
        Varying(name, column, level)
        for place, column in enumerate(columns)
        if (level := _level([row[place] for row in one.rows], [row[place] for row in two.rows])) is not None
    ]
    for each in found:
        one, two = _without(one, each), _without(two, each)
    if Counter(one.rows) != Counter(two.rows) or not one.columns:
        return [Varying(name)]
    if first.ordered and one.rows != two.rows:
        found.append(Varying(name, order=True))
    return found


def _level(first: list[Cell], second: list[Cell]) -> str | None:
    """Return how two columns differ: a level, an empty text for whole values, None for no difference."""
    if Counter(first) == Counter(second):
        return None
    if all(isinstance(value, str | None) for value in first + second):
        for level in LEVELS:
            if Counter(masked(value, level) for value in first) == Counter(masked(value, level) for value in second):
                return level
    return ""


def _without(table: Table, varying: Varying) -> Table:
    if varying.order:
        return replace(table, rows=tuple(sorted(table.rows, key=repr)), ordered=False)
    if varying.column not in table.columns:
        return table
    if not varying.level:
        return table.only(tuple(name for name in table.columns if name != varying.column))
    place = table.columns.index(varying.column)
    rows = tuple(_masked_row(row, place, varying.level) for row in table.rows)
    return replace(table, rows=rows)


def _masked_row(row: Row, place: int, level: str) -> Row:
    return (*row[:place], masked(row[place], level), *row[place + 1 :])


def masked(value: Cell, level: str = "numbers") -> str:
    """Replace the parts of a text that may differ at a level or at the levels before it."""
    if not isinstance(value, str):
        return ""
    for name, pattern in LEVELS.items():
        value = re.sub(pattern, f"⟨{name}⟩", value)
        if name == level:
            break
    return value
