"""What a CSV holds, found before DuckDB reads it: how many records, how its lines end, and quotes that take rows along.

DuckDB loses rows in silence where it takes the wrong line end, or where a quote is closed in a later row. So its rows
are counted against this, and such a file is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from shared.customers.lines import CR, LF, SPACE, BrokenCsvError, pieces

if TYPE_CHECKING:
    from shared.customers.lines import Piece

_NAMES = {b"\n": "LF", b"\r\n": "CRLF", b"\r": "CR"}
_KINDS = list(_NAMES)
_CELL_ENDS = re.compile(rb" *[,\r\n]")
_SPACED_QUOTE = re.compile(rb' +"')
_REMEDY = "close it, or write it twice where it is part of a value"


@dataclass(frozen=True)
class Survey:
    """What a file holds.

    Attributes:
        records: How many, the header not counted.
        newline: What ends each of them.
        nul: Whether there is a NUL byte anywhere.
        open_quote: Whether the last record has a quote that is never closed.
    """

    records: int
    newline: bytes
    nul: bool = False
    open_quote: bool = False


def survey(file: BinaryIO, fields: int) -> Survey:
    """Look through a CSV, from its first byte; it is closed afterwards.

    Args:
        file: The CSV.
        fields: How many its header has.

    Raises:
        BrokenCsvError: Lines end in several ways, or a quote takes rows along: nobody can tell how many are lost.
    """
    records, newline, nul, open_quote = 0, b"", False, False
    cells = _QuotedLines(fields)
    for piece in pieces(file):
        newline = newline or _first_newline(piece)
        _check_ends(piece, newline)
        if not piece.plain:
            _check_spaced_quotes(piece)
            cells.check(piece)
        records += piece.record_count
        nul = nul or b"\0" in piece.data
        open_quote = piece.leaves_open
    cells.check_end()
    return Survey(max(records - 1, 0), newline or b"\n", nul, open_quote)


class _QuotedLines:
    """Follows the quoted cells of several lines, in search of one that takes rows along.

    Such a cell has a line within it with as many fields as the file, or its record begins and ends with two lines that
    have. Text behind the closing quote tells the same.
    """

    def __init__(self, fields: int) -> None:
        self._commas = fields - 1
        self._opened = 0  # the line of the quote that is open
        self._first_is_row = False  # whether the record's first line has the file's fields
        self._more = False  # whether the open quote has text in further lines

    def check(self, piece: Piece) -> None:
        """Look at the lines of a piece that begin or end within a quoted cell."""
        for line in np.flatnonzero(piece.quoted[:-1] | piece.quoted[1:]).tolist():
            self._check_line(piece, line)

    def check_end(self) -> None:
        """Refuse a quote that is never closed, unless it can take nothing along but the rest of its own line."""
        if self._more:
            raise self._broken("is never closed")

    def _check_line(self, piece: Piece, line: int) -> None:
        is_row = piece.text(line).count(b",") == self._commas
        closing = _closing_quote(piece, line) if piece.quoted[line] else None
        if not piece.quoted[line]:
            self._first_is_row = is_row
        else:
            self._more = self._more or bool(piece.text(line).strip())
            if is_row and (closing is None or (self._first_is_row and not piece.quoted[line + 1])):
                raise self._broken(f"takes line {piece.line + line} along, which is a row of its own")
            if closing is not None and not _CELL_ENDS.match(piece.data, closing + 1):
                raise self._broken(f"is closed in line {piece.line + line} with text behind it")
        if closing is not None or not piece.quoted[line]:
            self._opened, self._more = piece.line + line, False

    def _broken(self, what: str) -> BrokenCsvError:
        where = f"the quote that opens in line {self._opened} {what}"
        return BrokenCsvError(f"{where}, so rows are lost in its cell; {_REMEDY}")


def _closing_quote(piece: Piece, line: int) -> int | None:
    """The quote that closes, in a line, the cell that is open at its beginning; None when it stays open."""
    quotes, _ = piece.quotes
    first, last = np.searchsorted(quotes, piece.ends[line : line + 2])
    return int(quotes[first]) if first < last else None


def _first_newline(piece: Piece) -> bytes:
    """What ends the first record; nothing when the piece has no whole one."""
    kinds = _kinds(piece)
    return _KINDS[kinds[0]] if len(kinds) else b""


def _check_ends(piece: Piece, newline: bytes) -> None:
    """Refuse records that end otherwise than the first, the header."""
    if newline == b"\n" and b"\r" not in piece.data:
        return
    kinds = _kinds(piece)  # none before the header's
    others = np.flatnonzero(kinds != _KINDS.index(newline)) if len(kinds) else kinds
    if len(others):
        line = np.flatnonzero(~piece.quoted[1:])[others[0]] + piece.line
        where = f"the header ends in {_NAMES[newline]}, line {line} in {_NAMES[_KINDS[kinds[others[0]]]]}"
        raise BrokenCsvError(f"{where}; save it with one kind of line end")


def _kinds(piece: Piece) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """The kind of each line end outside of quotes, as its place among ``_KINDS``; one that was added has none."""
    last = None if piece.ended else -1
    ends = piece.ends[1:last][~piece.quoted[1:last]]
    return np.where(piece.codes[ends] == LF, np.where(piece.codes[ends - 1] == CR, 1, 0), 2)


def _check_spaced_quotes(piece: Piece) -> None:
    """Refuse a quoted text behind another in one cell: DuckDB takes ``"a" "b"`` for ``a b``."""
    for quote in piece.closing[piece.codes[piece.closing + 1] == SPACE].tolist():
        if _SPACED_QUOTE.match(piece.data, quote + 1):
            line = piece.line_at(quote)
            raise BrokenCsvError(f"line {line} has a quoted text behind another in one cell; {_REMEDY}")
