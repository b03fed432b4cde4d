from __future__ import annotations

import io
import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from shared.run.errors import TerminalError
from shared.state.contents import read_content, read_sqlite
from shared.state.named import source_of

if TYPE_CHECKING:
    from pathlib import Path


def test_a_csv_is_a_table() -> None:
    """Its columns are those of its header, its rows are in order."""
    [table] = read_content(b"id,amount\n1,3\n2,6\n", ".csv").values()
    assert table.columns == ("id", "amount")
    assert table.rows == (("1", "3"), ("2", "6"))
    assert table.ordered


@pytest.mark.parametrize("data", [b"2026-11-01,54\n2026-11-02,55\n", b"7,3\n8,4\n", b"a,a\n1,2\n", b"a,b\n1\n", b""])
def test_a_csv_without_a_header_is_lines(data: bytes) -> None:
    """A first line of numbers or dates, a name that comes twice, or rows of other lengths make it a text."""
    [table] = read_content(data, ".csv").values()
    assert table.columns == ("line",)
    assert [line for (line,) in table.rows] == data.decode().splitlines()


def test_json_is_values_and_records() -> None:
    """Lists of objects are tables of their own, all else is one row of values, named by their path."""
    data = {"total": 3, "by": {"day": [1, 2]}, "orders": [{"id": 1}, {"id": 2, "amount": 6}]}
    tables = read_content(json.dumps(data).encode(), ".json")
    assert tables[""].columns == ("total", "by.day[0]", "by.day[1]")
    assert tables["orders"].columns == ("id", "amount")
    assert tables["orders"].rows == ((1, None), (2, 6))


@pytest.mark.parametrize(
    ("suffix", "data", "columns"),
    [
        (".jsonl", b'{"id": 1}\n{"id": 2}\n', ("id",)),
        (".json", b"no json", ("line",)),
        (".txt", b"a\nb\n", ("line",)),
        (".bin", b"\xff\x00", ("content",)),
    ],
)
def test_other_files(suffix: str, data: bytes, columns: tuple[str, ...]) -> None:
    """What is not a table of its kind is text by line, and what is not text is known by its digest."""
    [table] = read_content(data, suffix).values()
    assert table.columns == columns


def test_parquet_is_a_table() -> None:
    """Read by its columns."""
    import pyarrow as pa
    from pyarrow import parquet

    file = io.BytesIO()
    parquet.write_table(pa.table({"id": [1, 2]}), file)
    [table] = read_content(file.getvalue(), ".parquet").values()
    assert (table.columns, table.rows) == (("id",), ((1,), (2,)))


def test_a_database_is_read_with_its_keys(tmp_path: Path) -> None:
    """Each table has its rows, its key, and the columns that the database itself numbers."""
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("create table orders (id integer primary key, day text, note blob)")
        database.execute("create table 'odd name' (day text primary key)")
        database.execute("insert into orders (day, note) values ('monday', x'00')")
    tables = read_sqlite(path)
    assert tables["orders"].key == tables["orders"].generated == ("id",)
    assert tables["orders"].rows[0][:2] == (1, "monday")
    assert tables["odd name"].key == ("day",)
    assert tables["odd name"].generated == ()


def test_what_a_killed_process_left_in_the_middle_is_not_read(tmp_path: Path) -> None:
    """Neither an open transaction nor reading changes the file."""
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("create table orders (id int)")
        database.execute("insert into orders values (1)")
        before = path.read_bytes()
        assert read_sqlite(path)["orders"].rows == ()
    assert path.read_bytes() == before


def test_a_damaged_database_is_told(tmp_path: Path) -> None:
    """The message names it."""
    path = tmp_path / "shop.db"
    path.write_bytes(b"SQLite format 3\0" + b"x" * 4096)
    with pytest.raises(TerminalError, match=r"--watch shop.db cannot be read: .* SQLite"):
        source_of("shop.db", tmp_path).read()
