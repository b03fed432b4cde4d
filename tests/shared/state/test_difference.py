from __future__ import annotations

from shared.state.difference import Kind, differences
from shared.state.table import Cell, Table


def orders(*rows: tuple[Cell, ...]) -> Table:
    """A table without a key."""
    return Table(("order_id", "amount"), rows)


def told(expected: Table | None, found: Table | None) -> list[tuple[Kind, str]]:
    """What differs between two states of one table."""
    states = [{} if each is None else {"orders": each} for each in (expected, found)]
    return [(each.kind, each.text) for each in differences(states[0], states[1])]


def test_equal_tables_do_not_differ() -> None:
    """The order of rows in a database does not count."""
    assert told(orders((1, 2), (3, 4)), orders((3, 4), (1, 2))) == []


def test_duplicate_rows_are_named() -> None:
    """Up to three of them, by the column that looks like a key."""
    expected = orders(*((number, 0) for number in (7, 12, 40, 41)))
    found = orders(*expected.rows, *expected.rows)
    assert told(expected, found) == [(Kind.DUPLICATE, "orders has 4 duplicate rows (order_id 12, 40, 41 …)")]


def test_missing_and_extra_rows_are_named() -> None:
    """Without a key nobody knows that they are the same row."""
    assert told(orders((1, 2), (3, 4), (5, 6)), orders((1, 2))) == [
        (Kind.MISSING, "orders lacks 2 rows (order_id 3, 5)")
    ]
    assert told(orders((1, 2)), orders((1, 2), (9, 9))) == [(Kind.EXTRA, "orders has 1 extra row (order_id 9)")]


def test_a_changed_row_is_one_difference() -> None:
    """The key tells that it is the same row."""
    before = Table(("day", "total"), (("monday", 3), ("tuesday", 4)), key=("day",))
    after = Table(("day", "total"), (("monday", 6), ("tuesday", 4)), key=("day",))
    assert told(before, after) == [(Kind.CHANGED, "orders: day monday: total is 6 and must be 3")]


def test_numbers_that_the_database_makes_are_left_out_where_they_alone_differ() -> None:
    """A retry may use up some of them; rows that were written twice are still found."""
    before = Table(("id", "day"), ((1, "monday"), (2, "tuesday")), key=("id",), generated=("id",))
    other = Table(("id", "day"), ((1, "monday"), (5, "tuesday")), key=("id",), generated=("id",))
    twice = Table(("id", "day"), (*before.rows, (3, "tuesday")), key=("id",), generated=("id",))
    assert told(before, other) == []
    assert told(before, twice) == [(Kind.DUPLICATE, "orders has 1 duplicate row (day tuesday)")]


def test_a_table_of_generated_numbers_alone_is_compared_by_them() -> None:
    """Nothing else would be left."""
    before, after = (Table(("page",), ((page,),), key=("page",), generated=("page",)) for page in (1, 2))
    assert [kind for kind, _ in told(before, after)] == [Kind.EXTRA, Kind.MISSING]


def test_lines_are_quoted_and_their_order_counts() -> None:
    """Values are cut, and what does not print is written out."""
    before = Table(("line",), (("a",), ("b",)), unit="line", ordered=True)
    after = Table(("line",), (("b",), ("a",)), unit="line", ordered=True)
    assert told(before, after) == [(Kind.ORDER, "orders has its lines in another order")]
    more = Table(("line",), (*before.rows, ("\x1b[31m" + "x" * 200,)), unit="line", ordered=True)
    [(kind, text)] = told(before, more)
    assert kind is Kind.EXTRA
    assert "\\x1b" in text
    assert len(text) < 160


def test_values_of_a_file_are_named_by_their_path() -> None:
    """One sentence for all that changed."""
    before = Table(("total", "by.day"), ((3, 4),), unit="value")
    after = Table(("total", "by.day"), ((6, 4),), unit="value")
    assert told(before, after) == [(Kind.CHANGED, "orders: total is 6 and must be 3")]


def test_whole_tables_appear_and_disappear() -> None:
    """A file that is left over, and one that is missing."""
    assert told(None, orders((1, 2))) == [(Kind.NEW_TABLE, "orders is there and must not be, with 1 row")]
    assert told(orders((1, 2)), None) == [(Kind.NO_TABLE, "orders is missing")]
