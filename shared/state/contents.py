"""Reads a file as tables: SQLite by table, CSV, JSON and Parquet by record, text by line, other files by digest."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from shared.state.table import State, Table, cell, from_json, records

SQLITE = b"SQLite format 3\0"
NO_NAME = re.compile(r"[-+]?\d+([.,]\d+)?|\d{4}-\d{2}-\d{2}.*|\s*")  # a cell that is not a column's name
SIDE_FILES = ("-wal", "-shm", "-journal")  # files next to a SQLite database


def read_content(data: bytes, suffix: str) -> State:
    """Read the tables of one file, each named by its place in the file; the name is empty if there is only one.

    Args:
        data: The whole content.
        suffix: The suffix of its name, such as ``.csv``.
    """
    readers = {
        ".csv": _csv,
        ".tsv": _tsv,
        ".json": lambda text: from_json(json.loads(text)),
        ".jsonl": _lines_of_json,
        ".ndjson": _lines_of_json,
    }
    if suffix.lower() == ".parquet":
        return _parquet(data)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return {"": Table(("content",), ((cell(data),),), unit="value")}
    try:
        return readers[suffix.lower()](text)
    except (KeyError, ValueError, csv.Error):
        return {"": Table(("line",), tuple((line,) for line in text.splitlines()), unit="line", ordered=True)}


def read_sqlite(path: Path) -> State:
    """Read all tables of a database from a copy, in which unfinished transactions are rolled back.

    Raises:
        ValueError: The database is damaged.
    """
    with tempfile.TemporaryDirectory(prefix="shardwise-state-") as folder:
        copy = Path(folder) / "copy.db"
        shutil.copyfile(path, copy)
        for side in ("-wal", "-journal"):
            if (file := path.with_name(path.name + side)).exists():
                shutil.copyfile(file, copy.with_name(copy.name + side))
        try:
            with closing(sqlite3.connect(copy)) as database:
                names = database.execute("select name from sqlite_master where type = 'table'").fetchall()
                return {
                    name: _sqlite_table(database, name) for (name,) in sorted(names) if not name.startswith("sqlite_")
                }
        except sqlite3.DatabaseError as error:
            raise ValueError(f"{path} cannot be read as a SQLite database: {error}") from error


def is_sqlite(path: Path) -> bool:
    """Whether a file is a SQLite database."""
    with path.open("rb") as file:
        return file.read(len(SQLITE)) == SQLITE


def is_side_file(path: Path) -> bool:
    """Whether a file belongs to a SQLite database next to it."""
    return any(
        path.name.endswith(side) and path.with_name(path.name.removesuffix(side)).exists() for side in SIDE_FILES
    )


def _sqlite_table(database: sqlite3.Connection, name: str) -> Table:
    quoted = '"' + name.replace('"', '""') + '"'
    cursor = database.execute(f"select * from {quoted}")
    columns = tuple(column[0] for column in cursor.description)
    rows = tuple(tuple(cell(value) for value in row) for row in cursor)
    facts = database.execute(f"pragma table_info({quoted})").fetchall()
    key = tuple(fact[1] for fact in sorted(facts, key=lambda fact: fact[5]) if fact[5])
    types = {fact[1]: str(fact[2]).upper() for fact in facts}
    serial = key if len(key) == 1 and types[key[0]] == "INTEGER" else ()
    refers = [fact[3] for fact in database.execute(f"pragma foreign_key_list({quoted})")]
    return Table(columns, rows, key, tuple(dict.fromkeys([*serial, *refers])))


def _csv(text: str, delimiter: str = ",") -> State:
    lines = list(csv.reader(io.StringIO(text), delimiter=delimiter, strict=True))
    header, rows = tuple(lines[0]) if lines else (), [tuple(line) for line in lines[1:]]
    named = header and len(set(header)) == len(header) and not any(NO_NAME.fullmatch(name) for name in header)
    if not named or any(len(row) != len(header) for row in rows):
        raise ValueError("it is not a table")
    return {"": Table(header, tuple(rows), ordered=True)}


def _tsv(text: str) -> State:
    return _csv(text, "\t")


def _lines_of_json(text: str) -> State:
    objects = [json.loads(line) for line in text.splitlines() if line.strip()]
    if not all(isinstance(each, dict) for each in objects):
        raise ValueError("they are not objects")
    return {"": records(objects)}


def _parquet(data: bytes) -> State:
    from pyarrow import parquet

    return {"": records(parquet.read_table(io.BytesIO(data)).to_pylist(), "row")}
