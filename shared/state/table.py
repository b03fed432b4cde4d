"""The form in which all state is compared: named tables of plain values."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

Cell = str | int | float | bool | None
Row = tuple[Cell, ...]
SHOWN_CHARACTERS = 80  # characters of a value in a message
PLURALS = {"row": "rows", "line": "lines", "record": "records", "value": "values", "file": "files"}


@dataclass(frozen=True)
class Table:
    """Rows of a database, lines of a file, records or values.

    Attributes:
        columns: Unique column names.
        rows: Rows with one cell per column; the same row may appear more than once.
        key: The key columns that the database declares.
        generated: Columns whose values the database generates, such as serial numbers, and columns that refer to them.
        unit: The name of a row: ``row``, ``line``, ``record``, ``value`` or ``file``.
        ordered: Whether the order of the rows is part of the state.
    """

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    key: tuple[str, ...] = ()
    generated: tuple[str, ...] = ()
    unit: str = "row"
    ordered: bool = False

    def only(self, columns: tuple[str, ...]) -> Table:
        """Return the table with some of its columns, in that order; a missing column is empty."""
        places = [self.columns.index(name) if name in self.columns else None for name in columns]
        rows = tuple(tuple(None if place is None else row[place] for place in places) for row in self.rows)
        key = self.key if set(self.key) <= set(columns) else ()
        generated = tuple(name for name in self.generated if name in columns)
        return Table(columns, rows, key, generated, self.unit, self.ordered)


State = dict[str, Table]


def cell(value: object) -> Cell:
    """Convert any value to a cell: bytes to their digest, other values without JSON form to text."""
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if value is None or isinstance(value, str | int | bool):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return f"{len(value)} bytes, sha256 {sha256(bytes(value)).hexdigest()}"
    if isinstance(value, dict | list):
        return json.dumps(value, sort_keys=True, default=str)
    return str(value)


def shown(value: Cell) -> str:
    """Return a cell as text for a message."""
    text = "nothing" if value is None else str(value)
    text = text.encode("unicode_escape").decode() if any(ord(letter) < ord(" ") for letter in text) else text
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 1]}…"


def from_json(value: Any, unit: str = "record") -> State:  # noqa: ANN401 — any JSON
    """Return JSON as tables, named by their place in it: lists of objects are records, other values one row."""
    if _is_records(value):
        return {"": records(value, unit)}
    tables: State = {}
    if isinstance(value, dict):
        lists = {name: each for name, each in value.items() if _is_records(each) and each}
        tables = {str(name): records(each, unit) for name, each in lists.items()}
        value = {name: each for name, each in value.items() if name not in lists}
    values = dict(_leaves(value, ""))
    if values or not tables:
        tables[""] = Table(tuple(values), (tuple(values.values()),), unit="value")
    return tables


def records(objects: list[dict[str, Any]], unit: str = "record") -> Table:
    """Return one row per object, with the keys of all objects as columns."""
    columns = tuple(dict.fromkeys(str(name) for each in objects for name in each))
    named = [{str(name): each[name] for name in each} for each in objects]
    return Table(columns, tuple(tuple(cell(each.get(name)) for name in columns) for each in named), unit=unit)


def _is_records(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)


def _leaves(value: Any, path: str) -> list[tuple[str, Cell]]:  # noqa: ANN401 — the same
    if isinstance(value, dict) and value:
        return [leaf for name in value for leaf in _leaves(value[name], f"{path}.{name}".lstrip("."))]
    if isinstance(value, list) and value:
        return [leaf for number, each in enumerate(value) for leaf in _leaves(each, f"{path}[{number}]")]
    return [(path or "value", cell(value))]
