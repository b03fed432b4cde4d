"""Finds the lines and records of a CSV in its bytes, without DuckDB.

A quote opens a cell at its start, or after one space there; any other quote in an unquoted cell is text. LF, CRLF and
CR each end a line, and outside quotes also a record. An empty line is not a record.
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

CHUNK = 1 << 20  # bytes that are processed together; they and their arrays fit into a core's cache
LONGEST_LINE = 64 << 20  # bytes
LONGEST_RECORD = 2_000_000  # bytes, including its end

LF, CR, QUOTE, SPACE, COMMA = b"\n"[0], b"\r"[0], b'"'[0], b" "[0], b","[0]
_BEFORE_CELL = np.isin(np.arange(256), [LF, CR, COMMA])


class BrokenCsvError(Exception):
    """The rows of a file cannot be separated reliably; the message says where and what to do."""


@dataclass(frozen=True)
class Piece:
    """Some whole lines of a file, which begin with a record unless ``open_quote``.

    If the last line leaves a record open, that record is ``unfinished``, and the next piece begins with it again. If it
    is too long for that, it is the last record of the piece, and the next piece continues within it.

    Attributes:
        data: The lines, after one byte that stands for the end of the line before.
        line: The number of the first line in the file, from 1.
        offset: The position of ``data`` in the file, in bytes from 0, its extra first byte included.
        open_quote: Whether the first line begins within a quoted cell of a record that is too long.
        ended: Whether the last line has its own line end; otherwise a LF was added.
        last: Whether the piece is the last of the file.
    """

    data: bytes
    line: int
    offset: int
    open_quote: bool
    ended: bool
    last: bool

    @classmethod
    def of(cls, data: bytes, line: int, offset: int, *, open_quote: bool, last: bool) -> Self:
        """Return the piece for some lines of a file; ``data`` is a LF and these lines."""
        ended = data.endswith((b"\n", b"\r"))
        return cls(data if ended else data + b"\n", line, offset - 1, open_quote, ended, last)

    @cached_property
    def simple(self) -> bool:
        """Whether it has no quote and no CR, so that each LF ends a record."""
        return not (self.open_quote or b'"' in self.data or b"\r" in self.data)

    @property
    def line_count(self) -> int:
        """The number of lines, an unfinished record included."""
        return len(self.ends) - 1

    @property
    def leaves_open(self) -> bool:
        """Whether a quoted cell continues after the piece."""
        return not self.simple and bool(self.quoted[-1])

    @cached_property
    def unfinished(self) -> int:
        """The bytes of the record that continues after the piece and is repeated in the next one."""
        if self.last or not self.leaves_open or not len(self._begun):
            return 0
        length = len(self.data) - int(self.ends[self._begun[-1]]) - 1
        return length if length <= LONGEST_RECORD else 0

    @property
    def unfinished_lines(self) -> int:
        """The lines of the unfinished record."""
        return self.line_count - int(self._begun[-1]) if self.unfinished else 0

    @cached_property
    def codes(self) -> Bytes:
        """The bytes as an array of numbers."""
        return np.frombuffer(self.data, np.uint8)

    @cached_property
    def ends(self) -> Positions:
        """The position of the last byte of each line end. The first one is the end of the line before the piece."""
        feeds = np.flatnonzero(self.codes == LF)
        if b"\r" not in self.data:
            return feeds
        returns = np.flatnonzero(self.codes == CR)
        alone = returns[np.append(self.codes, 0)[returns + 1] != LF]
        return np.sort(np.concatenate([feeds, alone]))

    @cached_property
    def commas(self) -> Positions:
        """The positions of all commas, those in quoted cells included."""
        return np.flatnonzero(self.codes == COMMA)

    @cached_property
    def runs(self) -> tuple[Positions, Positions, Flags]:
        """Runs of adjacent quotes: the last quote of each, its length, and whether it stands where a cell begins."""
        quotes = np.flatnonzero(self.codes == QUOTE) if b'"' in self.data else np.empty(0, np.int64)
        firsts = np.flatnonzero(np.diff(quotes, prepend=-1) > 1)
        heads, lengths = quotes[firsts], np.diff(firsts, append=len(quotes))
        before = self.codes[heads - 1]
        begins = _BEFORE_CELL[np.where(before == SPACE, self.codes[heads - 2], before)]
        return heads + lengths - 1, lengths, begins

    @cached_property
    def quotes(self) -> tuple[Positions, Flags]:
        """The quotes that can open or close a cell, and whether the text before the first and after each is quoted.

        An odd number of adjacent quotes counts as one quote, an even number as none: each pair is an escape or an empty
        cell.
        """
        lasts, lengths, begins = self.runs
        odd = lengths % 2 == 1
        return lasts[odd], _quoted_behind(begins[odd], open_quote=self.open_quote)

    @cached_property
    def closing(self) -> Positions:
        """The quotes that close a cell, empty cells included."""
        quotes, behind = self.quotes
        lasts, lengths, begins = self.runs
        even = lasts[begins & (lengths % 2 == 0)]
        empty = even[~behind[np.searchsorted(quotes, even)]]
        return np.concatenate([quotes[behind[:-1] & ~behind[1:]], empty])

    @cached_property
    def behind_closing(self) -> Positions:
        """The position of the first byte that is not a space after each closing quote."""
        behind = self.closing + 1
        spaces = self.codes[behind] == SPACE
        if spaces.any():
            others = np.flatnonzero(self.codes != SPACE)
            behind[spaces] = others[np.searchsorted(others, behind[spaces])]
        return behind

    @cached_property
    def quoted(self) -> Flags:
        """Whether each line end is within a quoted cell."""
        quotes, behind = self.quotes
        return behind[np.searchsorted(quotes, self.ends)]

    @cached_property
    def _begun(self) -> Positions:
        """The lines that begin a record, from 0 in this piece."""
        lengths = np.diff(self.ends)
        blank = (lengths == 1) | ((lengths == 2) & (self.codes[self.ends[:-1] + 1] == CR))  # noqa: PLR2004 — a CRLF
        return np.flatnonzero(~(self.quoted[:-1] | blank))

    @cached_property
    def records(self) -> Positions:
        """The lines that begin a record, from 0 in this piece, without the unfinished record."""
        return self._begun[:-1] if self.unfinished else self._begun

    @cached_property
    def starts(self) -> Positions:
        """The positions in ``data`` where these records begin."""
        starts: Positions = self.ends[self.records] + 1
        return starts

    @cached_property
    def stops(self) -> Positions:
        """The last byte of the end of each of these records, or of the piece if the record continues after it."""
        outside = np.flatnonzero(~self.quoted)
        last = np.append(outside, len(self.ends) - 1)[np.searchsorted(outside, self.records + 1)]
        stops: Positions = self.ends[last]
        return stops

    def line_at(self, position: int) -> int:
        """Return the line number in the file of a byte of this piece."""
        return self.line + int(np.searchsorted(self.ends, position)) - 1


def pieces(file: BinaryIO) -> Iterator[Piece]:
    """Yield a whole file in pieces and close it; a byte order mark is left out.

    Raises:
        BrokenCsvError: A line is too long.
    """
    line, offset, open_quote = 1, 0, False
    rest: bytes | None = b""  # bytes that were read and belong to the next piece
    rest_line = 1  # the line that they end in
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
    """Return the line numbers of some records. Their record numbers are ascending; the first record of a file is 1."""
    lines, before, done = [], 0, 0
    for piece in pieces(file):
        reach = np.searchsorted(numbers, before + len(piece.records), side="right")
        lines.append(piece.line + piece.records[numbers[done:reach] - before - 1])
        before, done = before + len(piece.records), int(reach)
    return np.concatenate(lines)


def _whole_lines(file: BinaryIO, rest: bytes, line: int) -> tuple[bytes, bytes | None]:
    """Split the remaining bytes and the next block after a line end, but never within a CRLF.

    Args:
        file: What is read.
        rest: The bytes that remain from the block before.
        line: The number of the line in which ``rest`` ends.

    Returns:
        The whole lines after a LF, and the start of the next line; at the end of the file all bytes, and None.
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
    """Return whether text is quoted before the first and after each of some quotes.

    Args:
        opens: Whether each quote stands where a cell begins. Such a quote opens or closes a cell, in turns. Any other
            quote closes a cell, or is text.
        open_quote: Whether the text before the first quote is quoted.
    """
    turns = np.concatenate([[0], np.cumsum(opens)]) + open_quote
    closed = np.maximum.accumulate(np.where(np.concatenate([[True], opens]), 0, turns))
    behind: Flags = (turns - closed) % 2 == 1
    return behind
