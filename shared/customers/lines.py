"""What DuckDB does not tell about the lines of a CSV: which are blank, and where their ends change."""

from __future__ import annotations

import csv
from contextlib import suppress
from io import TextIOWrapper
from itertools import takewhile
from typing import TYPE_CHECKING, BinaryIO, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Record = list[str]

_NAMES = {"\n": "LF", "\r\n": "CRLF", "\r": "CR"}


class Lines:
    """The lines of a file in their order, each with its end: LF, CRLF and CR all end one.

    Attributes:
        position: Bytes read so far.
        last: The line that was read last.
    """

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self.position = 0
        self.last = ""

    def until(self, position: int | None = None) -> Iterator[str]:
        """The next lines, as far as they begin before a byte, counted from 0."""
        while (position is None or self.position < position) and (line := self._text.readline()):
            self.position += len(line)
            self.last = line
            yield line


def blank_lines(file: BinaryIO, starts: Iterable[int]) -> list[int]:
    """How many blank lines are before each of some bad records; one within a quoted cell is none.

    Args:
        file: The CSV, from its first byte; closed afterwards.
        starts: Where each record begins, ascending, in bytes from 0. It may have blank lines at its start, which count,
            or the end of the line before it.
    """
    blank = 0
    found = []
    with _text(file) as text:
        lines = Lines(text)
        for start in starts:
            blank += sum(not record for record in _records(lines.until(start)))
            blank += sum(1 for _ in takewhile(lambda record: not record, _records(lines.until())))
            found.append(blank)
    return found


def mixed_ends(file: BinaryIO) -> str | None:
    """Where a file's lines first end otherwise than its header, and what to do: ``line 1 ends in CRLF, line 7 in LF``.

    Args:
        file: The CSV, from its first byte; closed afterwards.
    """
    header = ""
    with _text(file) as text, suppress(csv.Error):  # a cell that goes on and on: its quote is never closed
        lines = Lines(text)
        reader = csv.reader(lines.until(), skipinitialspace=True)
        for _ in reader:
            end = lines.last[len(lines.last.rstrip("\r\n")) :]
            header = header or end
            if end and end != header:
                where = f"line 1 ends in {_NAMES[header]}, line {reader.line_num} in {_NAMES[end]}"
                return f"{where}; save it with one kind of line end"
    return None


def _text(file: BinaryIO) -> TextIO:
    """Latin-1 has a character for each byte, and so a character's place is that of its byte."""
    return TextIOWrapper(file, encoding="latin-1", newline="")


def _records(lines: Iterator[str]) -> Iterator[Record]:
    """The records of some lines as DuckDB splits them, broken quoting included; a blank line has no cells."""
    reader = csv.reader(lines, skipinitialspace=True)
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error:  # a cell longer than the reader takes; it goes on behind it
            yield [""]
