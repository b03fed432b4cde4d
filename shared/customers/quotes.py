"""Detects quotes that hide rows, and quoted text after quoted text; such a file is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from shared.customers.lines import COMMA, CR, LF, QUOTE, BrokenCsvError

if TYPE_CHECKING:
    from shared.customers.lines import Flags, Piece, Positions

_REMEDY = "close the quote, or double it if it is part of a value"
_ENDS_CELL = np.isin(np.arange(256), [LF, CR, COMMA])


def text_behind(piece: Piece) -> Positions:
    """Return the closing quotes with text after them, ascending."""
    return np.sort(piece.closing[~_ENDS_CELL[piece.codes[piece.behind_closing]]])


def check_spaced_quotes(piece: Piece) -> None:
    """Refuse quoted text after quoted text in one cell, such as ``"a" "b"``, because its meaning is unclear."""
    bad = piece.closing[(piece.codes[piece.behind_closing] == QUOTE) & (piece.behind_closing > piece.closing + 1)]
    if len(bad):
        line = piece.line_at(int(bad.min()))
        raise BrokenCsvError(f"line {line} has quoted text after quoted text in one cell; {_REMEDY}")


class QuotedLines:
    """Follows quoted cells over several lines to find one that hides rows.

    Such a cell contains a line with as many fields as the file, or its record begins and ends with two such lines, or
    text follows its closing quote.
    """

    def __init__(self, fields: int) -> None:
        self._commas = fields - 1
        self._opened = 0  # line number of the open quote
        self._first_is_row = False  # whether the record's first line has the file's fields
        self._more = False  # whether further lines of the open quote have text

    def check(self, piece: Piece) -> None:
        """Check the lines of a piece that begin or end within a quoted cell."""
        lines = np.flatnonzero(piece.quoted[:-1] | piece.quoted[1:])
        if not len(lines):
            return
        within, stays = piece.quoted[lines], piece.quoted[lines + 1]
        is_row = np.diff(np.searchsorted(piece.commas, piece.ends))[lines] == self._commas
        closing = _closing(piece, lines)
        closes = within & (closing >= 0)
        first_is_row = _latest(is_row, ~within, before=self._first_is_row)
        takes = within & is_row & (~closes | (first_is_row & ~stays))
        torn = closes & np.isin(closing, text_behind(piece))
        opens = ~within | closes  # another quote may open after the closing one
        if len(bad := np.flatnonzero(takes | torn)):
            self._refuse(piece, lines[: bad[0] + 1], opens[: bad[0]], takes=bool(takes[bad[0]]))
        self._keep(piece, lines, opens, first_is_row=bool(first_is_row[-1]))

    def check_end(self) -> None:
        """Refuse a quote that is never closed, unless it hides only the rest of its own line."""
        if self._more:
            raise self._broken("is never closed")

    def _keep(self, piece: Piece, lines: Positions, opens: Flags, *, first_is_row: bool) -> None:
        """Keep what the next piece needs."""
        self._first_is_row = first_is_row
        opened = np.flatnonzero(opens)
        text = piece.data
        if len(opened):
            last = int(lines[opened[-1]])
            self._opened, self._more = piece.line + last, False
            text = piece.data[piece.ends[last + 1] + 1 :]
        self._more = piece.leaves_open and (self._more or bool(text.strip()))

    def _refuse(self, piece: Piece, lines: Positions, opens: Flags, *, takes: bool) -> None:
        opened = lines[:-1][opens]
        if len(opened):
            self._opened = piece.line + int(opened[-1])
        line = piece.line + int(lines[-1])
        raise self._broken(
            f"contains line {line}, which is a complete row"
            if takes
            else f"is closed in line {line} with text after it"
        )

    def _broken(self, what: str) -> BrokenCsvError:
        where = f"the quote that opens in line {self._opened} {what}"
        return BrokenCsvError(f"{where}, so rows would be lost; {_REMEDY}")


def _closing(piece: Piece, lines: Positions) -> Positions:
    """Return the first quote of each line, which closes the cell that is open where the line begins; -1 without one."""
    quotes, _ = piece.quotes
    first = np.searchsorted(quotes, piece.ends[lines])
    there = first < np.searchsorted(quotes, piece.ends[lines + 1])
    return np.where(there, np.append(quotes, -1)[first], -1)


def _latest(values: Flags, known: Flags, *, before: bool) -> Flags:
    """Return, for each place, the latest known value up to and including it."""
    places = np.maximum.accumulate(np.where(known, np.arange(len(values)), -1))
    return np.where(places >= 0, values[places], before)
