"""The oracle's reading: a CSV row by row, each cell by its column's rule, with the standard library alone.

What a source's files are, ``tests.oracle_files`` tells, and what a file's records are, ``tests.oracle_records``.
"""

from __future__ import annotations

import math
import re
import sys
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING
from unicodedata import category

from tests.oracle_files import files_of, plain
from tests.oracle_records import BOM, LINE_END, Record, RefusedError, is_utf8, records

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Value = str | int | float | None
Row = dict[str, Value]

LONGEST = 2_000_000
LARGEST = sys.float_info.max
BLANK = " \t\n\v\f\r"
# White space and what has no shape of its own. The last nine came into Unicode after the version that Python has.
UNSEEN = "".join(each for each in map(chr, range(sys.maxunicode + 1)) if each.isspace() or category(each) == "Cf")
UNSEEN = UNSEEN.translate(dict.fromkeys(range(0x1C, 0x20))) + "".join(map(chr, range(0x13439, 0x13440)))
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")


class BadCellError(Exception):
    """A cell has text that is not a value of its column."""


def text(cell: str) -> Value:
    """Any text, to the letter."""
    if "\0" in cell:
        raise BadCellError("a NUL byte")
    return cell


def key(cell: str) -> Value:
    """An id, without space around it."""
    trimmed = cell.strip(UNSEEN)
    if not trimmed:
        raise BadCellError("blank customer_id")
    if len(trimmed.encode()) > 1_000:
        raise BadCellError("longer than 1,000 bytes")
    return text(trimmed)


def whole(low: float = -math.inf, high: float = math.inf) -> Callable[[str], Value]:
    """A whole number in a range."""

    def read(cell: str) -> Value:
        if not re.fullmatch(r"[+-]?[0-9]+", cell):
            raise BadCellError("not a whole number")
        if not -(2**63) <= int(cell) < 2**63:
            raise BadCellError(f"out of range {max(low, -(2**63))}..{min(high, 2**63 - 1)}")
        return within(int(cell), low, high)

    return read


def number(low: float = -math.inf, high: float = math.inf) -> Callable[[str], Value]:
    """Any finite number in a range."""

    def read(cell: str) -> Value:
        if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", cell):
            raise BadCellError("not a number")
        if math.isinf(float(cell)):
            raise BadCellError(f"out of range {max(low, -LARGEST)}..{min(high, LARGEST)}")
        return within(float(cell), low, high)

    return read


def day(cell: str) -> Value:
    """A date in ISO 8601."""
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", cell):
        with suppress(ValueError):
            return date.fromisoformat(cell).isoformat()
    raise BadCellError("not a date like 2026-01-31")


def within(value: float, low: float, high: float) -> Value:
    """The value, when it is in the range."""
    if low <= value <= high:
        return value
    raise BadCellError(f"out of range {low:g}..{'' if math.isinf(high) else f'{high:g}'}")


SOURCES: dict[str, dict[str, Callable[[str], Value]]] = {
    "crm": {
        "customer_id": text,
        "email": text,
        "company_name": text,
        "industry": text,
        "deal_stage": text,
        "sales_owner": text,
        "employee_count": whole(0),
        "deal_value": whole(),
        "last_contact": day,
    },
    "billing": {
        "customer_id": text,
        "email": text,
        "plan": text,
        "mrr": whole(),
        "payment_status": text,
        "subscription_start": day,
        "last_payment": day,
    },
    "product": {
        "customer_id": text,
        "email": text,
        "signup_date": day,
        "last_active": day,
        "total_sessions": whole(0),
        "features_used": whole(0),
        "usage_pct": whole(0, 100),
        "account_status": text,
    },
    "support": {
        "customer_id": text,
        "email": text,
        "total_tickets": whole(0),
        "open_tickets": whole(0),
        "avg_resolution_hrs": number(0),
        "last_ticket_date": day,
        "nps_score": whole(0, 10),
        "csat_score": number(1, 5),
    },
}


@dataclass(frozen=True)
class Table:
    """One source as it was read.

    Attributes:
        rows: The good rows in file order.
        rejects: What the rejects file has of the others, as text.
        rejected_ids: The customers of those whose id could be read.
    """

    rows: list[Row]
    rejects: list[dict[str, str]]
    rejected_ids: list[str]

    @property
    def winners(self) -> dict[str, Row]:
        """The row that counts for each customer: a later one replaces an earlier one."""
        return {str(row["customer_id"]): row for row in self.rows}


def read_source(folder: Path, name: str, longest: int = LONGEST) -> Table:
    """Read the files of a source; a row with any bad cell is a reject that names the leftmost.

    Args:
        folder: The data.
        name: The source's name.
        longest: Bytes that a record may have, its end included.

    Raises:
        RefusedError: One of its files is refused as a whole.
    """
    table, files = Table([], [], []), files_of(folder, name)
    for file in files:
        _read_file(table, name, plain(folder / file), file if len(files) > 1 else name, longest)
    return table


def _read_file(table: Table, source: str, content: bytes, told: str, longest: int) -> None:
    """Add the rows and rejects of a file; rejects tell of it as ``told``."""
    header, *found = records(content) or [Record(1)]
    columns = header_names(source, header, content)
    for number, record in enumerate(found, start=2):
        reject: dict[str, str] = {"source": told, "line": str(record.line), "record": str(number)}
        if reason := record.problem(columns, SOURCES[source].keys(), longest):
            raw = record.raw.decode(errors="replace").strip("\r\n")
            table.rejects.append(reject | {"column": "", "value": shown(raw), "reason": reason})
            continue
        row = {column: cell.decode(errors="replace") for column, cell in zip(columns, record.cells, strict=True)}
        customer = row["customer_id"].strip(UNSEEN)
        try:
            table.rows.append(read_row(source, row))
        except BadCellError as error:
            column, reason = error.args
            table.rejects.append(reject | {"column": column, "value": shown(row[column]), "reason": reason})
            table.rejected_ids.extend([customer] if customer else [])


def header_names(source: str, header: Record, content: bytes) -> list[str]:
    """The names of a file's columns."""
    if header.broken or not all(map(is_utf8, header.cells)):
        raise RefusedError("the header is broken")
    names = [cell.decode().strip() for cell in header.cells]
    if content.startswith(BOM) and LINE_END.search(header.cells[0]):
        raise RefusedError("a name with a line break behind a byte order mark")
    if not names or not SOURCES[source].keys() <= set(names) or any(names.count(name) > 1 for name in names if name):
        raise RefusedError("the header lacks a column, or has one twice")
    return names


def shown(value: str) -> str:
    """A value as the rejects file shows it: a spreadsheet must not run it."""
    is_number = re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", value[:200])
    guard = "'" if value.startswith(FORMULA_STARTS) and not is_number else ""
    return guard + value[:200].replace("\0", "␀")


def read_row(source: str, cells: dict[str, str]) -> Row:
    """The typed values of a row, in the documented order of columns; columns nobody knows are left out."""
    values: Row = {}
    for column, cell in cells.items():
        if column not in SOURCES[source]:
            continue
        try:
            if column == "customer_id":
                values[column] = key(cell)
            else:
                values[column] = SOURCES[source][column](cell) if cell.strip(BLANK) else None
        except BadCellError as error:
            raise BadCellError(column, str(error)) from None
    return {column: values[column] for column in SOURCES[source]}
