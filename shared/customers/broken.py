"""Finds the records in a piece of a file that cannot be split into cells, and the reason for each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from shared.customers.lines import LONGEST_RECORD
from shared.customers.quotes import text_behind

if TYPE_CHECKING:
    from collections.abc import Collection

    from shared.customers.lines import Piece, Positions

VALUE_LENGTH = 200  # characters kept in the rejects file
_BYTES = 4  # that a character may have

TOO_LONG, NEVER_CLOSED = "line too long", "broken quoting: a quote that is never closed"
BEHIND_QUOTE = "broken quoting: text after a closing quote"
TORN = "broken quoting: an odd number of quotes in two adjacent cells"
NOT_UTF8 = "not UTF-8"
TOO_FEW, TOO_MANY = "too few fields", "too many fields"
# If a record has several reasons, the first two have priority, then the leftmost cell, then the order of this list.
REASONS = (TOO_LONG, NEVER_CLOSED, BEHIND_QUOTE, TORN, NOT_UTF8, TOO_FEW, TOO_MANY)


@dataclass(frozen=True)
class Layout:
    """What the header says about the rows of a file.

    Attributes:
        fields: The number of fields in each row.
        read: The positions of the fields that are read, from 0; other fields may hold any bytes.
    """

    fields: int
    read: Collection[int]


def is_regular(piece: Piece, fields: int) -> bool:
    """Whether each line of a piece without quotes and CRs is a valid record."""
    commas, ends = piece.commas, piece.ends
    if len(commas) != piece.line_count * (fields - 1) or len(piece.data) > LONGEST_RECORD or not _is_utf8(piece):
        return False
    return bool((commas[:: fields - 1] > ends[:-1]).all() and (commas[fields - 2 :: fields - 1] < ends[1:]).all())


def broken_records(piece: Piece, layout: Layout) -> tuple[Positions, list[str]]:
    """Return the numbers (from 0 in the piece) of records that cannot be split, and the reason of each."""
    cells, found = _Cells(piece), _Reasons(len(piece.records))
    _add_never_ending(piece, found)
    _add_quotes(cells, found)
    if not _is_utf8(piece):
        _add_not_utf8(cells, layout, found)
    few, many = np.flatnonzero(cells.counts < layout.fields), np.flatnonzero(cells.counts > layout.fields)
    found.add(TOO_FEW, few, cells.counts[few] - 1)
    found.add(TOO_MANY, many, layout.fields)
    return found.records()


def values(piece: Piece, records: Positions) -> list[str]:
    """Return the text of some records, without line ends, cut to the length that is kept."""
    spans = zip(piece.starts[records].tolist(), (piece.stops[records] + 1).tolist(), strict=True)
    texts = (piece.data[start : min(stop, start + VALUE_LENGTH * _BYTES)] for start, stop in spans)
    return [text.decode(errors="replace").strip("\r\n")[:VALUE_LENGTH] for text in texts]


class _Reasons:
    """Collects reasons for records and keeps the most important one of each record."""

    def __init__(self, records: int) -> None:
        self._none = np.iinfo(np.int64).max
        self._ranks = np.full(records, self._none)

    def add(self, reason: str, records: Positions, cells: Positions | int) -> None:
        """Note a reason for records, with the cell (from 0) of each; -1 for reasons that concern no single cell."""
        np.minimum.at(self._ranks, records, cells * len(REASONS) + REASONS.index(reason))

    def records(self) -> tuple[Positions, list[str]]:
        """Return the numbers of records with a reason, ascending, and their reasons."""
        found = np.flatnonzero(self._ranks < self._none)
        return found, [REASONS[rank] for rank in (self._ranks[found] % len(REASONS)).tolist()]


class _Cells:
    """The cells of the records of a piece, separated by commas outside quotes."""

    def __init__(self, piece: Piece) -> None:
        self.piece = piece
        quotes, behind = piece.quotes
        between = np.diff(np.searchsorted(piece.commas, quotes), append=len(piece.commas))
        self._quoted_before = np.concatenate([[0], np.cumsum(np.where(behind[1:], between, 0))])

    @cached_property
    def counts(self) -> Positions:
        """The number of cells of each record."""
        return self._commas_before(self.piece.stops) - self._firsts + 1

    @cached_property
    def _firsts(self) -> Positions:
        return self._commas_before(self.piece.starts)

    def of(self, positions: Positions) -> tuple[Positions, Positions]:
        """Return record and cell of bytes outside quotes; bytes that belong to no record are left out."""
        records = np.searchsorted(self.piece.starts, positions, side="right") - 1
        positions, records = positions[records >= 0], records[records >= 0]
        own = positions <= self.piece.stops[records]
        return records[own], self._commas_before(positions[own]) - self._firsts[records[own]]

    def _commas_before(self, positions: Positions) -> Positions:
        """Count the commas outside quotes before each of some bytes, which are quotes or outside quotes."""
        quotes, _ = self.piece.quotes
        quoted: Positions = self._quoted_before[np.searchsorted(quotes, positions)]
        return np.searchsorted(self.piece.commas, positions) - quoted

    def bounds(self, record: int) -> list[int]:
        """Return the position before each cell of a record, and the position after the last cell."""
        quotes, behind = self.piece.quotes
        start, stop = int(self.piece.starts[record]), int(self.piece.stops[record])
        first, last = np.searchsorted(self.piece.commas, [start, stop])
        commas = self.piece.commas[first:last]
        return [start - 1, *commas[~behind[np.searchsorted(quotes, commas)]].tolist(), stop]


def _add_never_ending(piece: Piece, found: _Reasons) -> None:
    if len(piece.data) > LONGEST_RECORD:
        found.add(TOO_LONG, np.flatnonzero(piece.stops - piece.starts >= LONGEST_RECORD), -1)
    if piece.last and piece.leaves_open and len(piece.records):
        found.add(NEVER_CLOSED, np.array([len(piece.records) - 1]), -1)


def _add_quotes(cells: _Cells, found: _Reasons) -> None:
    """Note text after closing quotes, and quotes that are split over two cells."""
    behind_quote = cells.of(text_behind(cells.piece))
    found.add(BEHIND_QUOTE, *behind_quote)
    quotes, behind = cells.piece.quotes
    texts = cells.of(quotes[~behind[:-1] & ~behind[1:]])  # one, three or five adjacent quotes count as one
    if len(texts[0]) > 1:
        apart = int(texts[1].max()) + 2  # the last cell of a record and the first cell of the next are not adjacent
        odd, counts = np.unique(texts[0] * apart + texts[1], return_counts=True)
        odd = np.setdiff1d(odd[counts % 2 == 1], behind_quote[0] * apart + behind_quote[1])
        torn = odd[:-1][np.diff(odd) == 1]
        found.add(TORN, torn // apart, torn % apart)


def _add_not_utf8(cells: _Cells, layout: Layout, found: _Reasons) -> None:
    """Note the first cell of each record that is read and is not UTF-8."""
    piece = cells.piece
    special = np.flatnonzero(piece.codes > 127)  # noqa: PLR2004 — ASCII ends there
    records = np.unique(np.searchsorted(piece.starts, special, side="right") - 1)
    for record in records[records >= 0].tolist():
        if _decodes(piece.data[piece.starts[record] : piece.stops[record]]):
            continue
        for place, (before, end) in enumerate(pairwise(cells.bounds(record))):
            if place in layout.read and not _decodes(piece.data[before + 1 : end]):
                found.add(NOT_UTF8, np.array([record]), place)
                break


def _is_utf8(piece: Piece) -> bool:
    """Whether a piece is valid UTF-8. Arrow checks it ten times as fast as Python."""
    import pyarrow as pa

    if piece.data.isascii():
        return True
    offsets = pa.py_buffer(np.array([0, len(piece.data)], np.int32))
    try:
        pa.Array.from_buffers(pa.string(), 1, [None, offsets, pa.py_buffer(piece.data)]).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _decodes(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
