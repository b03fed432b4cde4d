from __future__ import annotations

from shared.state.table import State, Table
from shared.state.varying import find_varying, leave_out


def lines(*texts: str) -> Table:
    """A text file."""
    return Table(("line",), tuple((text,) for text in texts), unit="line", ordered=True)


def rows(columns: str, *values: tuple[str | int | float | None, ...]) -> Table:
    """A table of a database."""
    return Table(tuple(columns.split()), values)


def left_out(first: State, second: State) -> list[str]:
    """What is left out, which makes both equal."""
    varying = find_varying(first, second)
    assert leave_out(first, varying) == leave_out(second, varying)
    return [str(each) for each in varying]


def test_equal_states_lack_nothing() -> None:
    """Nothing is left out."""
    state = {"orders": rows("id amount", (1, 3), (2, 6))}
    assert left_out(state, dict(state)) == []


def test_one_column_varies() -> None:
    """Only that column is left out, not its table."""
    first = {"orders": rows("id at", (1, 10.5), (2, 10.6))}
    second = {"orders": rows("id at", (1, 11.5), (2, 11.6))}
    assert left_out(first, second) == ["orders: at"]
    assert leave_out(first, find_varying(first, second))["orders"].rows == ((1,), (2,))


def test_a_time_inside_a_text_varies() -> None:
    """Only the time is left out: the rest of the text still counts."""
    first = {"run.log": lines("2026-11-01 02:00:01 loaded 12 rows", "done")}
    second = {"run.log": lines("2026-11-01 02:00:09 loaded 12 rows", "done")}
    assert left_out(first, second) == ["times in run.log: line"]
    changed = {"run.log": lines("2026-11-01 02:00:05 loaded 13 rows", "done")}
    varying = find_varying(first, second)
    assert leave_out(changed, varying) != leave_out(first, varying)


def test_ids_and_numbers_in_texts_vary() -> None:
    """The narrowest part that makes the texts equal is left out."""
    one = {"a": lines("run 6f9619ff-8b86-d011-b42d-00cf4fc964ff: 5 rows")}
    two = {"a": lines("run 7f9619ff-8b86-d011-b42d-00cf4fc964ff: 5 rows")}
    assert left_out(one, two) == ["ids in a: line"]
    assert left_out({"a": lines("key order-7-1764547200")}, {"a": lines("key order-7-1764547209")}) == [
        "long numbers in a: line"
    ]
    assert left_out({"a": lines("took 12 ms")}, {"a": lines("took 9 ms")}) == ["numbers in a: line"]
    assert left_out({"a": lines("by ann")}, {"a": lines("by bob")}) == ["a"]


def test_names_of_files_vary() -> None:
    """A time in a name is left out, and two files of one run keep two names."""
    first = {f"out/{day}T02:00:01.csv": lines("x") for day in ("2026-11-01", "2026-11-02")}
    second = {f"out/{day}T02:00:09.csv": lines("x") for day in ("2026-11-01", "2026-11-02")}
    assert left_out(first, second) == ["times in the name of out/⟨times⟩.csv"]
    assert sorted(leave_out(first, find_varying(first, second))) == ["out/⟨times⟩.csv", "out/⟨times⟩.csv (2)"]


def test_a_table_with_another_number_of_rows_varies_as_a_whole() -> None:
    """So does one that only one run has."""
    first = {"log": rows("id", (1,)), "orders": rows("id", (1,))}
    second = {"log": rows("id", (1,), (2,)), "orders": rows("id", (1,)), "extra": rows("id")}
    assert left_out(first, second) == ["extra", "log"]


def test_rows_whose_cells_are_shuffled_vary_as_a_whole() -> None:
    """Each column is equal, the rows are not."""
    first = {"a": rows("x y", (1, 1), (2, 2))}
    second = {"a": rows("x y", (1, 2), (2, 1))}
    assert left_out(first, second) == ["a"]


def test_the_order_of_lines_varies() -> None:
    """Where two runs write the same lines in another order, the order does not count."""
    first, second = {"a": lines("x", "y")}, {"a": lines("y", "x")}
    assert left_out(first, second) == ["the order of a"]
