"""Surveys a CSV before DuckDB reads it: the number of records, their line end, and which are broken.

DuckDB silently loses rows if it guesses the wrong line end, if a quote is closed in a later row, and after rows that it
cannot split. Such a file is refused, or its broken records are removed before DuckDB reads it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from shared.customers.broken import broken_records, is_regular, values
from shared.customers.lines import CR, LF, BrokenCsvError, pieces
from shared.customers.quotes import QuotedLines, check_spaced_quotes

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    from shared.customers.broken import Layout
    from shared.customers.lines import Piece, Positions

_NAMES = {b"\n": "LF", b"\r\n": "CRLF", b"\r": "CR"}
_KINDS = list(_NAMES)


@dataclass(frozen=True)
class Survey:
    """What a file contains.

    Attributes:
        records: The number of records, without the header.
        newline: The line end of all records.
        nul: Whether it contains a NUL byte.
        broken: The records that cannot be split, one row each: ``record`` (its number, header = 1), ``line`` (where it
            begins), ``start`` and ``stop`` (its bytes in the file, its end included), ``value`` and ``reason``.
        complete: Whether these are all broken records.
    """

    records: int
    newline: bytes
    nul: bool
    broken: pa.Table
    complete: bool


def survey(file: BinaryIO, layout: Layout, at_most: int) -> Survey:
    """Survey a CSV from its first byte; it is closed afterwards.

    Args:
        file: The CSV.
        layout: What its header says about the rows.
        at_most: The number of broken records that are kept; records beyond it are only counted.

    Raises:
        BrokenCsvError: The header is broken, line ends differ, or a quote hides rows.
    """
    records, newline, nul = 0, b"", False
    quoted, broken = QuotedLines(layout.fields), _Broken(layout, at_most)
    for piece in pieces(file):
        newline = newline or _first_newline(piece)
        _check_ends(piece, newline)
        nul = nul or b"\0" in piece.data
        if piece.simple and is_regular(piece, layout.fields):
            records += piece.line_count
            continue
        if not piece.simple:
            check_spaced_quotes(piece)
            quoted.check(piece)
        broken.look(piece, records)
        records += len(piece.records)
    quoted.check_end()
    return Survey(max(records - 1, 0), newline or b"\n", nul, broken.table(), broken.complete)


class _Broken:
    """Collects the broken records of a file, piece by piece."""

    def __init__(self, layout: Layout, at_most: int) -> None:
        self.complete = True
        self._layout = layout
        self._left = at_most
        self._parts: list[pa.Table] = []
        self._stops: list[Positions] = []

    def look(self, piece: Piece, before: int) -> None:
        """Keep the broken records of a piece, which has ``before`` records before it in the file.

        Raises:
            BrokenCsvError: The header is broken.
        """
        if piece.open_quote and self._stops:  # the last record continues in the next piece
            self._stops[-1][-1] = piece.offset + _first_stop(piece)
        if not self.complete:
            return
        found, reasons = broken_records(piece, self._layout)
        if not before and len(found) and not found[0]:
            raise BrokenCsvError(f"the header cannot be read: {reasons[0]}")
        found, reasons = found[: self._left], reasons[: self._left]
        self._left -= len(found)
        self.complete = self._left > 0
        if len(found):
            self._parts.append(_table(piece, before, found, reasons))
            self._stops.append(piece.offset + piece.stops[found] + 1)

    def table(self) -> pa.Table:
        """All broken records."""
        import pyarrow as pa

        stops = pa.chunked_array([pa.array(part) for part in self._stops], pa.int64())
        return pa.concat_tables([_no_records(), *self._parts]).append_column("stop", stops)


def _table(piece: Piece, before: int, found: Positions, reasons: list[str]) -> pa.Table:
    """Some broken records of a piece."""
    import pyarrow as pa

    columns = [
        pa.array(before + found + 1),
        pa.array(piece.line + piece.records[found]),
        pa.array(piece.offset + piece.starts[found]),
        pa.array(values(piece, found), pa.string()),
        pa.array(reasons, pa.string()).dictionary_encode(),
    ]
    return pa.table(columns, schema=_no_records().schema)


def _no_records() -> pa.Table:
    """The columns of broken records without ``stop``."""
    import pyarrow as pa

    kinds = {"record": pa.int64(), "line": pa.int64(), "start": pa.int64(), "value": pa.string()}
    return pa.schema([*kinds.items(), ("reason", pa.dictionary(pa.int32(), pa.string()))]).empty_table()


def _first_stop(piece: Piece) -> int:
    """Return the end of the record that a piece begins within, or of the piece if the record continues."""
    outside = np.flatnonzero(~piece.quoted)
    return int(piece.ends[outside[0] if len(outside) else -1]) + 1


def _first_newline(piece: Piece) -> bytes:
    """Return the line end of the first record; empty if the piece has no complete record."""
    kinds = _kinds(piece)
    return _KINDS[kinds[0]] if len(kinds) else b""


def _check_ends(piece: Piece, newline: bytes) -> None:
    """Refuse records whose line end differs from the header's."""
    if newline == b"\n" and b"\r" not in piece.data:
        return
    kinds = _kinds(piece)  # the line end before the header
    others = np.flatnonzero(kinds != _KINDS.index(newline)) if len(kinds) else kinds
    if len(others):
        line = np.flatnonzero(~piece.quoted[1:])[others[0]] + piece.line
        where = f"the header ends in {_NAMES[newline]}, line {line} in {_NAMES[_KINDS[kinds[others[0]]]]}"
        raise BrokenCsvError(f"{where}; save it with one kind of line end")


def _kinds(piece: Piece) -> npt.NDArray[np.intp]:
    """Return the kind of each line end outside quotes, as its position in ``_KINDS``; an added line end has none."""
    last = None if piece.ended else -1
    ends = piece.ends[1:last][~piece.quoted[1:last]]
    return np.where(piece.codes[ends] == LF, np.where(piece.codes[ends - 1] == CR, 1, 0), 2)
