"""Reads the header of a source file, or explains why it cannot be used."""

from __future__ import annotations

import csv
import re
from codecs import BOM_UTF8
from io import StringIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.customers.schema import Source

LONGEST = 1 << 20  # bytes

_LINE_END = re.compile(r"[\r\n]")
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
_KINDS = {
    b"\x1f\x8b": "is compressed with gzip; add .gz to its name",
    b"\x28\xb5\x2f\xfd": "is compressed with Zstandard; add .zst to its name",
    b"PK\x03\x04": "is an Excel workbook or a zip archive; export it as CSV",
    b"\xd0\xcf\x11\xe0": "is an Excel workbook; export it as CSV",
}


class HeaderError(Exception):
    """A header cannot be used; the message continues after the names of file and folder."""


def read_header(source: Source, start: bytes) -> list[str]:
    """Return the column names of a file in file order, without surrounding white space.

    Args:
        source: The source that the file belongs to.
        start: The first bytes of the file, at least the whole header.

    Raises:
        HeaderError: The header cannot be read, has a name twice, or lacks a wanted column.
    """
    if kind := next((kind for mark, kind in _KINDS.items() if start.startswith(mark)), None):
        raise HeaderError(f" {kind}")
    text = start[:LONGEST].decode("utf-8-sig", errors="surrogateescape")
    try:
        found = [name.strip() for name in next(csv.reader(StringIO(text, newline=""), strict=True), [])]
    except csv.Error as error:
        raise HeaderError(f": the header cannot be read: {error}; save it as plain CSV") from error
    _check_text(found)
    if found and _LINE_END.search(found[0]) and start.startswith(BOM_UTF8):  # DuckDB takes it as the end of a row
        raise HeaderError(
            f" begins with a byte order mark and a name with a line break, {found[0]!r}; remove the line break"
        )
    _check_columns(source, found)
    return found


def _check_text(found: list[str]) -> None:
    letters = "".join(found)
    if any("\ud800" <= letter <= "\udfff" for letter in letters):  # bytes that are not UTF-8 are decoded to surrogates
        raise HeaderError(": the header is not UTF-8; save the file as UTF-8")
    if "\0" in letters:
        raise HeaderError(": the header has NUL bytes, as UTF-16 has without a byte order mark; save the file as UTF-8")


def _check_columns(source: Source, found: list[str]) -> None:
    wanted = [column.name for column in source.columns]
    if missing := [name for name in wanted if name not in found]:
        others = [name for letter, name in _SEPARATORS.items() if len(found) == 1 and letter in found[0]]
        hint = f"; its columns are separated by {others[0]}: save it with commas" if others else ""
        raise HeaderError(
            f" lacks the column {', '.join(missing)}; found: {', '.join(found) or 'no header'}; "
            f"wanted: {', '.join(wanted)}{hint}"
        )
    if twice := sorted({name for name in found if found.count(name) > 1 and name}):
        raise HeaderError(f" has the column {', '.join(twice)} more than once")
