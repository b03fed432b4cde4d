"""Describes the rows, lines and values in which two states differ."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from shared.state.table import PLURALS, Table, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shared.state.table import Row, State

EXAMPLES = 3  # rows that a message names


class Kind(StrEnum):
    """The kind of a difference."""

    DUPLICATE = "duplicate"
    MISSING = "missing"
    EXTRA = "extra"
    CHANGED = "changed"
    ORDER = "order"
    NEW_TABLE = "new table"
    NO_TABLE = "no table"


@dataclass(frozen=True)
class Difference:
    """One kind of difference in one table.

    Attributes:
        table: The table's name.
        kind: The kind of difference.
        count: The number of affected rows; 1 for a table as a whole.
        text: A sentence that names some of them.
        ordered: Whether they are lines of a file, which have an order.
    """

    table: str
    kind: Kind
    count: int
    text: str
    ordered: bool = False


def differences(expected: State, found: State) -> list[Difference]:
    """Return the differences of ``found`` by table; varying values have been left out of both."""
    names = sorted(expected.keys() | found.keys())
    return [each for name in names for each in _of_table(name, expected.get(name), found.get(name))]


def _of_table(name: str, expected: Table | None, found: Table | None) -> Iterator[Difference]:
    if found is None:
        yield Difference(name, Kind.NO_TABLE, 1, f"{name} is missing")
    elif expected is None:
        rows = f", with {_count(len(found.rows), found.unit)}" if found.rows else ""
        yield Difference(name, Kind.NEW_TABLE, 1, f"{name} is there and must not be{rows}")
    else:
        columns = tuple(dict.fromkeys([*expected.columns, *found.columns]))
        yield from _of_rows(name, expected.only(columns), found.only(columns))


def _of_rows(name: str, expected: Table, found: Table) -> Iterator[Difference]:
    want, have = Counter(expected.rows), Counter(found.rows)
    if want == have:
        if expected.ordered and expected.rows != found.rows:
            yield Difference(name, Kind.ORDER, 1, f"{name} has its {PLURALS[expected.unit]} in another order")
        return
    own = tuple(column for column in expected.columns if column not in expected.generated)
    if own and own != expected.columns:  # generated columns differ for rows that were inserted twice
        short_expected, short_found = expected.only(own), found.only(own)
        short_want, short_have = Counter(short_expected.rows), Counter(short_found.rows)
        if short_want == short_have:
            return
        if len(found.rows) > len(expected.rows) and not short_want - short_have:
            expected, found, want, have = short_expected, short_found, short_want, short_have
    yield from _of_counts(name, expected, want, have)


def _of_counts(name: str, table: Table, want: Counter[Row], have: Counter[Row]) -> Iterator[Difference]:
    extra, missing = have - want, want - have
    changed = _changed(table, missing, extra)
    for before, after in changed:
        missing[before] -= 1
        extra[after] -= 1
    if changed:
        told = "; ".join(_change(table, before, after) for before, after in changed[:EXAMPLES])
        more = f" and {len(changed) - EXAMPLES} more" if len(changed) > EXAMPLES else ""
        yield Difference(name, Kind.CHANGED, len(changed), f"{name}: {told}{more}")
    twice = Counter({row: count for row, count in (+extra).items() if want[row]})
    for kind, rows, word in (
        (Kind.DUPLICATE, twice, "duplicate "),
        (Kind.EXTRA, +extra - twice, "extra "),
        (Kind.MISSING, +missing, "missing "),
    ):
        if count := rows.total():
            verb = "lacks" if kind is Kind.MISSING else "has"
            what = _count(count, table.unit, "" if kind is Kind.MISSING else word)
            yield Difference(name, kind, count, f"{name} {verb} {what} ({_examples(table, rows)})", table.ordered)


def _changed(table: Table, missing: Counter[Row], extra: Counter[Row]) -> list[tuple[Row, Row]]:
    """Return pairs of rows before and after that have the same key, or differ in one column only."""
    if missing.total() == extra.total() == 1 and table.unit in {"value", "line"}:
        [before], [after] = missing, extra
        return [(before, after)]
    places = [table.columns.index(name) for name in table.key]
    pairs = _same_but(missing, extra, lambda row: tuple(row[place] for place in places)) if places else []
    for column in range(len(table.columns)) if len(table.columns) > 1 else ():
        left = [each - Counter(pair[side] for pair in pairs) for side, each in enumerate((missing, extra))]
        if left[0].total() == left[1].total():
            pairs += _same_but(left[0], left[1], partial(_all_but, column))
    return pairs


def _all_but(column: int, row: Row) -> Row:
    return (*row[:column], *row[column + 1 :])


def _same_but(missing: Counter[Row], extra: Counter[Row], known_by: Callable[[Row], Row]) -> list[tuple[Row, Row]]:
    """Return pairs of rows with equal identification; each row is in one pair."""
    afters = {known_by(row): row for row in extra}
    befores = {known_by(row): row for row in missing}
    return [(befores[key], afters[key]) for key in befores if key in afters]


def _change(table: Table, before: Row, after: Row) -> str:
    cells = [
        f"{column} is {shown(now)} and must be {shown(then)}"
        for column, then, now in zip(table.columns, before, after, strict=True)
        if then != now
    ]
    if table.unit == "line":
        return f"a line is {shown(after[0])!r} and must be {shown(before[0])!r}"
    label = _label(table, before) if table.unit != "value" and len(cells) < len(table.columns) else ""
    return f"{label}: {', '.join(cells)}" if label else ", ".join(cells)


def _examples(table: Table, rows: Counter[Row]) -> str:
    names = [_label(table, row) for row in sorted(rows, key=lambda row: [str(each) for each in row])]
    prefixes = {name.partition(" ")[0] for name in names}
    if len(prefixes) == 1 and table.unit != "line" and len(_naming(table)) == 1:
        prefix = f"{prefixes.pop()} "
        names = [name.removeprefix(prefix) if number else name for number, name in enumerate(names)]
    return ", ".join(names[:EXAMPLES]) + (" …" if len(names) > EXAMPLES else "")


def _label(table: Table, row: Row) -> str:
    """Return a row's key, or the value that looks most like one."""
    if table.unit == "line":
        return repr(shown(row[0]))
    cells = dict(zip(table.columns, row, strict=True))
    return " ".join(f"{name} {shown(cells[name])}" for name in _naming(table))


def _naming(table: Table) -> tuple[str, ...]:
    if table.key and not set(table.key) & set(table.generated):
        return table.key
    own = [name for name in table.columns if name not in table.generated] or list(table.columns)
    ids = [name for name in own if name.lower() in {"id", "key", "number", "name"} or name.lower().endswith("_id")]
    return tuple((ids or own)[:1] if ids else own[:2])


def _count(count: int, unit: str, word: str = "") -> str:
    return f"{count} {word}{unit if count == 1 else PLURALS[unit]}"
