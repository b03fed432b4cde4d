"""Converts the text of a CSV cell to its value, with DuckDB expressions for pattern, range and the reason of a refusal.

Every column is read as text and checked before it is cast, because DuckDB's casts turn 12.7 into 13 and 0x1F into 31.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.customers.schema import CsvColumn

_SPACE = " \t\n\v\f\r"
# Invisible characters that would make another id: white space and the format characters (category Cf) of Unicode 16,
# such as a byte order mark in the middle of joined files. The list is fixed, because another version of Python must not
# change an id.
_UNSEEN_RANGES = (
    *((0x85, 0x85), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029), (0x202F, 0x202F)),
    *((0x205F, 0x205F), (0x3000, 0x3000)),
    *((0xAD, 0xAD), (0x600, 0x605), (0x61C, 0x61C), (0x6DD, 0x6DD), (0x70F, 0x70F), (0x890, 0x891), (0x8E2, 0x8E2)),
    *((0x180E, 0x180E), (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x2064), (0x2066, 0x206F), (0xFEFF, 0xFEFF)),
    *((0xFFF9, 0xFFFB), (0x110BD, 0x110BD), (0x110CD, 0x110CD), (0x13430, 0x1343F), (0x1BCA0, 0x1BCA3)),
    *((0x1D173, 0x1D17A), (0xE0001, 0xE0001), (0xE0020, 0xE007F)),
)
_UNSEEN = "".join(chr(code) for first, last in _UNSEEN_RANGES for code in range(first, last + 1))
KEY_BYTES = 1_000  # the longest id
_NUL = "a NUL byte"
_SQL_TYPE = {"int": "bigint", "float": "double", "date": "date"}
_PATTERN = {
    "int": r"[+-]?\d+",
    "float": r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?",
}
_LARGEST = {"int": (-(2**63), 2**63 - 1), "float": (-sys.float_info.max, sys.float_info.max)}  # stored ranges
_WANTED = {"int": "a whole number", "float": "a number", "date": "a date like 2026-01-31"}


def key_sql(name: str) -> str:
    """An id without surrounding white space and other invisible characters; NULL if nothing is left.

    Ids that begin and end with a visible ASCII character are not trimmed, which is faster.
    """
    seen = f"""\"{name}\" >= '!' and "{name}" < chr(127) and array_extract("{name}", -1) between '!' and '~'"""
    trimmed = f"nullif(trim(\"{name}\", '{_SPACE}{_UNSEEN}'), '')"
    return f'case when {seen} then "{name}" else {trimmed} end'


def key_refused_sql(key: str, *, nul: bool = False) -> str:
    """Whether a trimmed id is refused; ``nul`` is false if the file has no NUL byte."""
    return f"({key} is null or strlen({key}) > {KEY_BYTES}{f' or contains({key}, chr(0))' if nul else ''})"


def key_reason_sql(key: str) -> str:
    """Why an id was refused."""
    blank, long = (
        f"when {key} is null then 'blank customer_id'",
        f"when strlen({key}) > {KEY_BYTES} then 'longer than {KEY_BYTES:,} bytes'",
    )
    return f"case {blank} {long} else '{_NUL}' end"


def cast_sql(column: CsvColumn) -> str:
    """DuckDB's cast of a cell to a number or a date; ``value_sql`` decides whether it is the cell's value.

    Empty cells are skipped, because a failed cast takes several times as long as a successful one.
    """
    return f"try_cast(nullif(\"{column.name}\", '') as {_SQL_TYPE[column.kind]})"


def text_sql(column: CsvColumn, cast: str) -> str:
    """The text of a cell's cast value; for a number, the shortest text that reads back the same.

    Numbers with one decimal place, which these columns have, are their own text, so that the search is skipped.

    Args:
        column: The cell's column.
        cast: The column that holds ``cast_sql``.
    """
    text = f'"{cast}"::varchar'
    if column.kind != "float":
        return text
    tenths = f'try_cast("{cast}" as decimal(15, 1))::varchar'
    return f'case when {tenths} = "{column.name}" then "{column.name}" else {text} end'


def value_sql(column: CsvColumn, cast: str | None = None, text: str | None = None) -> str:
    """The typed value of a cell; NULL if it is missing or refused.

    Args:
        column: The cell's column.
        cast: The column that holds ``cast_sql``, if there is one.
        text: The column that holds the cast value as text, if there is one.
    """
    if column.kind == "text":
        return f'case when {_filled(column.name)} then "{column.name}" end'
    value = f'"{cast}"' if cast else cast_sql(column)
    shown = f'"{text}"' if text else f"{value}::varchar"
    return f"case when {_in_range(column, value)} then {_readable(column, value, shown)} end"


def refused_sql(column: CsvColumn, value: str, *, nul: bool = False) -> str:
    """Whether a cell has text that is not a value of the column.

    Args:
        column: The cell's column.
        value: The column of typed values.
        nul: Whether the file has a NUL byte.
    """
    if column.kind == "text":
        return f"coalesce(contains({value}, chr(0)), false)" if nul else "false"
    return f'case when {value} is null and "{column.name}" is not null then {_filled(column.name)} else false end'


def reason_sql(column: CsvColumn) -> str:
    """Why a cell was refused, as part of a sentence: ``not a whole number``, ``out of range 0..100``."""
    if column.kind == "text":
        return f"'{_NUL}'"
    if column.kind == "date":
        return f"'not {_WANTED['date']}'"
    value = cast_sql(column)
    readable = _readable(column, value, f"{value}::varchar")
    low, high = _LARGEST[column.kind]
    full = _range(low if column.low is None else column.low, high if column.high is None else column.high)
    return (
        f"case when not {_fits(column)} then 'not {_WANTED[column.kind]}' "
        f"when {readable} is null then '{full}' else '{_range(column.low, column.high)}' end"
    )


def _trimmed(name: str) -> str:
    return f"nullif(trim(\"{name}\", '{_SPACE}'), '')"


def _filled(name: str) -> str:
    """Whether a cell has more than white space; '!' is the first character after the space.

    A trim is slow, and DuckDB may evaluate both sides of an ``or``, so this is a CASE, which is evaluated in order.
    """
    trimmed = f"{_trimmed(name)} is not null"
    return f"case when \"{name}\" >= '!' then true when \"{name}\" = '' then false else {trimmed} end"


def _readable(column: CsvColumn, value: str, shown: str) -> str:
    """The value of a cell whose text fits the pattern; a cell that prints exactly as it was read skips the pattern."""
    cell = f'"{column.name}"'
    if column.kind == "date":
        return f"case when {shown} = {cell} and strlen({cell}) = 10 then {value} end"
    finite = f"isfinite({value})" if column.kind == "float" else "true"
    return f"case when {finite} then case when {shown} = {cell} then {value} when {_fits(column)} then {value} end end"


def _fits(column: CsvColumn) -> str:
    return f"regexp_full_match(\"{column.name}\", '{_PATTERN[column.kind]}')"


def _in_range(column: CsvColumn, value: str) -> str:
    low = f"{value} >= {column.low}" if column.low is not None else "true"
    high = f"{value} <= {column.high}" if column.high is not None else "true"
    return f"{low} and {high}"


def _range(low: float | None, high: float | None) -> str:
    return f"out of range {_bound(low)}..{_bound(high)}"


def _bound(bound: float | None) -> str:
    return "" if bound is None else f"{bound}"
