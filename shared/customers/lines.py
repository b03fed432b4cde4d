"""The lines and records of a CSV, found in its bytes without DuckDB: a second opinion on what it reads.

A quote opens a cell at its start, or behind one space there; a quote elsewhere in a cell without quotes is text. LF,
CRLF and CR each end a line, and outside of quotes a record. A line without a character is no record.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    Positions = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]
    Bytes = npt.NDArray[np.uint8]

CHUNK = 1 << 20  # bytes looked at together: they and their arrays fit a core's cache
LONGEST_LINE = 64 << 20  # bytes kept of a line; DuckDB takes 2 MB

LF, CR, QUOTE, SPACE, COMMA = b"\n"[0], b"\r"[0], b'"'[0], b" "[0], b","[0]
_BEFORE_CELL = np.isin(np.arange(256), [LF, CR, COMMA])


class BrokenCsvError(Exception):
    """A file whose rows nobody can tell apart; the text says where and what to do, for a sentence about the file."""


@dataclass(frozen=True)
class Piece:
    """Some whole lines of a file.

    Attributes:
        data: The lines, with one byte before them that stands for the end of the line before.
        line: The number of the first line in the file, from 1.
        offset: Where in the file ``data`` begins, in bytes from 0; that first byte is counted with it.
        open_quote: Whether the first line begins within a quoted cell.
        ended: Whether the last line has an end of its own; else a LF was added to it.
    """

    data: bytes
    line: int
    offset: int
    open_quote: bool
    ended: bool

    @classmethod
    def of(cls, data: bytes, line: int, offset: int, *, open_quote: bool) -> Self:
        """The piece with some lines of a file, which ``data`` has behind a LF."""
        ended = data.endswith((b"\n", b"\r"))
        return cls(data if ended else data + b"\n", line, offset - 1, open_quote, ended)

    @cached_property
    def plain(self) -> bool:
        """Whether each LF ends a record, and nothing else does: no quote, no CR, no blank line."""
        if self.open_quote or b'"' in self.data or b"\r" in self.data:
            return False
        return not bool((self._feeds[1:] & self._feeds[:-1]).any())

    @cached_property
    def line_count(self) -> int:
        """How many lines it has."""
        return (int(np.count_nonzero(self._feeds)) if self.plain else len(self.ends)) - 1

    @property
    def record_count(self) -> int:
        """How many records begin in it."""
        return self.line_count if self.plain else len(self.records)

    @property
    def leaves_open(self) -> bool:
        """Whether a quoted cell goes on behind it."""
        return not self.plain and bool(self.quoted[-1])

    @cached_property
    def codes(self) -> Bytes:
        """The same as numbers."""
        return np.frombuffer(self.data, np.uint8)

    @cached_property
    def _feeds(self) -> Flags:
        feeds: Flags = self.codes == LF
        return feeds

    @cached_property
    def ends(self) -> Positions:
        """Where each line ends, by the last byte of its end. The first is that of the line before the piece."""
        feeds = np.flatnonzero(self._feeds)
        if b"\r" not in self.data:
            return feeds
        returns = np.flatnonzero(self.codes == CR)
        alone = returns[np.append(self.codes, 0)[returns + 1] != LF]
        return np.sort(np.concatenate([feeds, alone]))

    @cached_property
    def _runs(self) -> tuple[Positions, Positions, Flags]:
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
        lasts, lengths, begins = self._runs
        odd = lengths % 2 == 1
        return lasts[odd], _quoted_behind(begins[odd], open_quote=self.open_quote)

    @cached_property
    def closing(self) -> Positions:
        """The quotes that close a cell, those of empty cells included."""
        quotes, behind = self.quotes
        lasts, lengths, begins = self._runs
        even = lasts[begins & (lengths % 2 == 0)]
        empty = even[~behind[np.searchsorted(quotes, even)]]
        return np.concatenate([quotes[behind[:-1] & ~behind[1:]], empty])

    @cached_property
    def quoted(self) -> Flags:
        """Whether each of the ends is within a quoted cell."""
        quotes, behind = self.quotes
        return behind[np.searchsorted(quotes, self.ends)]

    @cached_property
    def records(self) -> Positions:
        """The lines that begin a record, counted from 0 in this piece."""
        lengths = np.diff(self.ends)
        blank = (lengths == 1) | ((lengths == 2) & (self.codes[self.ends[:-1] + 1] == CR))  # noqa: PLR2004 — a CRLF
        return np.flatnonzero(~(self.quoted[:-1] | blank))

    def text(self, line: int) -> bytes:
        """A line with its end, by its number from 0 in this piece."""
        return self.data[self.ends[line] + 1 : self.ends[line + 1] + 1]

    def line_at(self, position: int) -> int:
        """The number in the file of the line with a byte of this piece."""
        return self.line + int(np.searchsorted(self.ends, position)) - 1


class Places(NamedTuple):
    """Where some records that follow each other are.

    Attributes:
        starts: The first byte of each, from 0.
        numbers: The number of each record, the header being 1.
        lines: The number of the line in which each begins, from 1.
    """

    starts: Positions
    numbers: Positions
    lines: Positions


def pieces(file: BinaryIO) -> Iterator[Piece]:
    """A file from its first byte to its last, closed afterwards; a byte order mark is left out.

    Raises:
        BrokenCsvError: A line is longer than can be kept.
    """
    line, offset, open_quote = 1, 0, False
    with file:
        for data in _whole_lines(file):
            mark = len(BOM_UTF8) if offset == 0 and data.startswith(BOM_UTF8, 1) else 0
            found = data[:1] + data[1 + mark :] if mark else data
            piece = Piece.of(found, line, offset + mark, open_quote=open_quote)
            yield piece
            line += piece.line_count
            offset += len(data) - 1
            open_quote = piece.leaves_open


def places(file: BinaryIO) -> Iterator[Places]:
    """Where the records of a file are, from its header to its last."""
    before = 0
    for piece in pieces(file):
        numbers = np.arange(len(piece.records)) + before + 1
        yield Places(piece.offset + piece.ends[piece.records] + 1, numbers, piece.line + piece.records)
        before += len(numbers)


def records_at(file: BinaryIO, starts: Positions) -> tuple[Positions, Positions]:
    """The numbers and the lines of some records.

    Args:
        file: The CSV, from its first byte; closed afterwards.
        starts: Where each record begins, ascending, in bytes from 0. It may have blank lines at its start, or the end
            of the line before it.
    """
    numbers, lines, done = [], [], 0
    for part in places(file):
        reach = np.searchsorted(starts, part.starts[-1], side="right") if len(part.starts) else done
        found = np.searchsorted(part.starts, starts[done:reach])
        numbers.append(part.numbers[found])
        lines.append(part.lines[found])
        done = reach
    return np.concatenate(numbers), np.concatenate(lines)


def lines_of(file: BinaryIO, numbers: Positions) -> Positions:
    """The lines in which some records begin, which are given by their numbers, ascending."""
    lines, done = [], 0
    for part in places(file):
        reach = np.searchsorted(numbers, part.numbers[-1], side="right") if len(part.numbers) else done
        lines.append(part.lines[np.searchsorted(part.numbers, numbers[done:reach])])
        done = reach
    return np.concatenate(lines)


def _whole_lines(file: BinaryIO) -> Iterator[bytes]:
    """The file cut behind line ends, also those within a quoted cell; a CRLF is never cut. A LF is put before each."""
    rest = b"\n"
    while chunk := file.read(CHUNK):
        if rest.endswith(b"\r"):
            rest, chunk = rest[:-1], b"\r" + chunk
        if cut := max(chunk.rfind(b"\n"), chunk.rfind(b"\r", 0, -1)) + 1:
            view = memoryview(chunk)
            yield b"".join((rest, view[:cut]))
            rest = b"".join((b"\n", view[cut:]))
        else:
            rest += chunk
        if len(rest) > LONGEST_LINE:
            raise BrokenCsvError(f"it has a line of more than {LONGEST_LINE >> 20} MB; is its line end missing?")
    if len(rest) > 1:
        yield rest


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
