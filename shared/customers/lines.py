"""The lines and records of a CSV, found in its bytes without DuckDB.

A quote opens a cell at its start, or behind one space there; a quote elsewhere in a cell without quotes is text. LF,
CRLF and CR each end a line, and outside of quotes a record. A line without a character is not a record.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, BinaryIO, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    Positions = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]
    Bytes = npt.NDArray[np.uint8]

CHUNK = 1 << 20  # bytes looked at together: they and their arrays fit a core's cache
LONGEST_LINE = 64 << 20  # bytes
LONGEST_RECORD = 2_000_000  # bytes, with its end

LF, CR, QUOTE, SPACE, COMMA = b"\n"[0], b"\r"[0], b'"'[0], b" "[0], b","[0]
_BEFORE_CELL = np.isin(np.arange(256), [LF, CR, COMMA])


class BrokenCsvError(Exception):
    """A file whose rows nobody can tell apart; the text says where and what to do, for a sentence about the file."""


@dataclass(frozen=True)
class Piece:
    """Some whole lines of a file, which begin with a record unless ``open_quote``.

    The record that the last line leaves open is ``unfinished``: the next piece begins with it again. One that is too
    long for that is the piece's last, and the next piece continues within it.

    Attributes:
        data: The lines, with one byte before them that stands for the end of the line before.
        line: The number of the first line in the file, from 1.
        offset: Where in the file ``data`` begins, in bytes from 0; that first byte is counted with it.
        open_quote: Whether the first line begins within a quoted cell of a record that is too long.
        ended: Whether the last line has an end of its own; else a LF was added to it.
        last: Whether the file ends with it.
    """

    data: bytes
    line: int
    offset: int
    open_quote: bool
    ended: bool
    last: bool

    @classmethod
    def of(cls, data: bytes, line: int, offset: int, *, open_quote: bool, last: bool) -> Self:
        """The piece with some lines of a file, which ``data`` has behind a LF."""
        ended = data.endswith((b"\n", b"\r"))
        return cls(data if ended else data + b"\n", line, offset - 1, open_quote, ended, last)

    @cached_property
    def simple(self) -> bool:
        """Whether it has no quote and no CR, so that each LF ends a record."""
        return not (self.open_quote or b'"' in self.data or b"\r" in self.data)

    @property
    def line_count(self) -> int:
        """How many lines it has, those of an unfinished record included."""
        return len(self.ends) - 1

    @property
    def leaves_open(self) -> bool:
        """Whether a quoted cell continues behind it."""
        return not self.simple and bool(self.quoted[-1])

    @cached_property
    def unfinished(self) -> int:
        """The bytes of the record that continues behind it and is repeated in the next piece."""
        if self.last or not self.leaves_open or not len(self._begun):
            return 0
        length = len(self.data) - int(self.ends[self._begun[-1]]) - 1
        return length if length <= LONGEST_RECORD else 0

    @property
    def unfinished_lines(self) -> int:
        """The lines of that record."""
        return self.line_count - int(self._begun[-1]) if self.unfinished else 0

    @cached_property
    def codes(self) -> Bytes:
        """The same as numbers."""
        return np.frombuffer(self.data, np.uint8)

    @cached_property
    def ends(self) -> Positions:
        """Where each line ends, by the last byte of its end. The first is that of the line before the piece."""
        feeds = np.flatnonzero(self.codes == LF)
        if b"\r" not in self.data:
            return feeds
        returns = np.flatnonzero(self.codes == CR)
        alone = returns[np.append(self.codes, 0)[returns + 1] != LF]
        return np.sort(np.concatenate([feeds, alone]))

    @cached_property
    def commas(self) -> Positions:
        """Where commas are, those within quoted cells included."""
        return np.flatnonzero(self.codes == COMMA)

    @cached_property
    def runs(self) -> tuple[Positions, Positions, Flags]:
        """Quotes side by side: the last of each run, how many they are, and whether they stand where a cell begins."""
        quotes = np.flatnonzero(self.codes == QUOTE) if b'"' in self.data else np.empty(0, np.int64)
        firsts = np.flatnonzero(np.diff(quotes, prepend=-1) > 1)
        heads, lengths = quotes[firsts], np.diff(firsts, append=len(quotes))
        before = self.codes[heads - 1]
        begins = _BEFORE_CELL[np.where(before == SPACE, self.codes[heads - 2], before)]
        return heads + lengths - 1, lengths, begins

    @cached_property
    def quotes(self) -> tuple[Positions, Flags]:
        """The quotes that may open or close a cell, and whether the text before the first and behind each is quoted.

        Quotes side by side count as one, and an even number of them as none: each pair is an escape, or an empty cell.
        """
        lasts, lengths, begins = self.runs
        odd = lengths % 2 == 1
        return lasts[odd], _quoted_behind(begins[odd], open_quote=self.open_quote)

    @cached_property
    def closing(self) -> Positions:
        """The quotes that close a cell, those of empty cells included."""
        quotes, behind = self.quotes
        lasts, lengths, begins = self.runs
        even = lasts[begins & (lengths % 2 == 0)]
        empty = even[~behind[np.searchsorted(quotes, even)]]
        return np.concatenate([quotes[behind[:-1] & ~behind[1:]], empty])

    @cached_property
    def behind_closing(self) -> Positions:
        """Where the first byte that is not a space is behind each quote that closes a cell."""
        behind = self.closing + 1
        spaces = self.codes[behind] == SPACE
        if spaces.any():
            others = np.flatnonzero(self.codes != SPACE)
            behind[spaces] = others[np.searchsorted(others, behind[spaces])]
        return behind

    @cached_property
    def quoted(self) -> Flags:
        """Whether each of the ends is within a quoted cell."""
        quotes, behind = self.quotes
        return behind[np.searchsorted(quotes, self.ends)]

    @cached_property
    def _begun(self) -> Positions:
        """The lines that begin a record, counted from 0 in this piece."""
        lengths = np.diff(self.ends)
        blank = (lengths == 1) | ((lengths == 2) & (self.codes[self.ends[:-1] + 1] == CR))  # noqa: PLR2004 — a CRLF
        return np.flatnonzero(~(self.quoted[:-1] | blank))

    @cached_property
    def records(self) -> Positions:
        """The lines that begin a record, counted from 0 in this piece, without the unfinished one."""
        return self._begun[:-1] if self.unfinished else self._begun

    @cached_property
    def starts(self) -> Positions:
        """Where these records begin in ``data``."""
        starts: Positions = self.ends[self.records] + 1
        return starts

    @cached_property
    def stops(self) -> Positions:
        """The last byte of the end of each of these records, or of the piece if it continues behind it."""
        outside = np.flatnonzero(~self.quoted)
        last = np.append(outside, len(self.ends) - 1)[np.searchsorted(outside, self.records + 1)]
        stops: Positions = self.ends[last]
        return stops

    def line_at(self, position: int) -> int:
        """The number in the file of the line with a byte of this piece."""
        return self.line + int(np.searchsorted(self.ends, position)) - 1


def pieces(file: BinaryIO) -> Iterator[Piece]:
    """A file from its first byte to its last, closed afterwards; a byte order mark is left out.

    Raises:
        BrokenCsvError: A line is longer than can be kept.
    """
    line, offset, open_quote = 1, 0, False
    rest: bytes | None = b""  # what was read and belongs to the next piece
    rest_line = 1  # with the last byte of that
    with file:
        while rest is not None:
            data, behind = _whole_lines(file, rest, rest_line)
            mark = len(BOM_UTF8) if offset == 0 and data.startswith(BOM_UTF8, 1) else 0
            found = data[:1] + data[1 + mark :] if mark else data
            piece = Piece.of(found, line, offset + mark, open_quote=open_quote, last=behind is None)
            if len(found) > 1:
                yield piece
            rest_line = line + piece.line_count
            line, offset = rest_line - piece.unfinished_lines, offset + len(data) - 1 - piece.unfinished
            open_quote = piece.leaves_open and not piece.unfinished
            rest = None if behind is None else data[len(data) - piece.unfinished :] + behind


def lines_of(file: BinaryIO, numbers: Positions) -> Positions:
    """The lines in which some records begin, which are given by their numbers, ascending, the first being 1."""
    lines, before, done = [], 0, 0
    for piece in pieces(file):
        reach = np.searchsorted(numbers, before + len(piece.records), side="right")
        lines.append(piece.line + piece.records[numbers[done:reach] - before - 1])
        before, done = before + len(piece.records), int(reach)
    return np.concatenate(lines)


def _whole_lines(file: BinaryIO, rest: bytes, line: int) -> tuple[bytes, bytes | None]:
    """Cut what was left and what is read next behind a line end, also one in a quoted cell; a CRLF is never cut.

    Args:
        file: What is read.
        rest: What was left.
        line: The line with the last byte of it.

    Returns:
        The whole lines, behind a LF, and what was read of the next line; at the end of the file all, and None.
    """
    while chunk := file.read(CHUNK):
        if rest.endswith(b"\r"):
            rest, chunk = rest[:-1], b"\r" + chunk
        if cut := max(chunk.rfind(b"\n"), chunk.rfind(b"\r", 0, -1)) + 1:
            return b"".join((b"\n", rest, memoryview(chunk)[:cut])), chunk[cut:]
        rest += chunk
        if len(rest) > LONGEST_LINE:
            raise BrokenCsvError(
                f"line {line} is longer than {LONGEST_LINE >> 20} MB, and a row may have {LONGEST_RECORD:,} bytes; "
                "shorten it, or put back its line ends"
            )
    return b"\n" + rest, None


def _quoted_behind(opens: Flags, *, open_quote: bool) -> Flags:
    """Whether text is quoted before the first and behind each quote of a row of them.

    Args:
        opens: Whether each stands where a cell begins. One that does opens or closes a cell, in turns; one that does
            not closes a cell, or is text.
        open_quote: Whether the text before the first is quoted.
    """
    turns = np.concatenate([[0], np.cumsum(opens)]) + open_quote
    closed = np.maximum.accumulate(np.where(np.concatenate([[True], opens]), 0, turns))
    behind: Flags = (turns - closed) % 2 == 1
    return behind
