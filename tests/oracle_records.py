"""The oracle's splitting of a CSV into records and cells, a byte at a time, by the rules that the README states."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

BOM = b"\xef\xbb\xbf"
LINE_END = re.compile(rb"\r\n|\r|\n")
BEHIND = "broken quoting: text after a closing quote"
NEVER = "broken quoting: a quote that is never closed"
TORN = "broken quoting: an odd number of quotes in two adjacent cells"


class RefusedError(Exception):
    """The whole file is refused, since nobody can tell its rows apart; the text says where."""


@dataclass
class Record:
    """One record.

    Attributes:
        line: Where it begins, from 1.
        raw: Its bytes, without its end.
        cells: Their bytes, without quotes.
        broken: What is wrong with the quotes of each cell, by its place from 0.
        odd: The places of cells that have no quote at their start and an odd number of quotes.
        end: What ends it; nothing at the end of the file.
    """

    line: int
    raw: bytes = b""
    cells: list[bytes] = field(default_factory=list)
    broken: dict[int, str] = field(default_factory=dict)
    odd: set[int] = field(default_factory=set)
    end: bytes = b""

    def problem(self, columns: list[str], wanted: Collection[str], longest: int) -> str | None:
        """Why it cannot be used: its length, or a quote that stays open, else the leftmost problem.

        Cells of columns that nobody wants may hold any bytes.
        """
        if len(self.raw) + max(len(self.end), 1) > longest:
            return "line too long"
        if NEVER in self.broken.values():
            return NEVER
        found = [(place, 0, what) for place, what in self.broken.items()]
        found += [(place, 1, TORN) for place in self.odd if place + 1 in self.odd]
        for place, (name, cell) in enumerate(zip(columns, self.cells, strict=False)):
            if name in wanted and not is_utf8(cell):
                found.append((place, 2, "not UTF-8"))
        if len(self.cells) < len(columns):
            found.append((len(self.cells) - 1, 3, "too few fields"))
        if len(self.cells) > len(columns):
            found.append((len(columns), 3, "too many fields"))
        return min(found)[2] if found else None


def records(content: bytes) -> list[Record]:
    """The records of a file, its header first; a line without a character is none.

    Raises:
        RefusedError: Lines end in several ways, or a quote takes rows along.
    """
    found, place, line = [], len(BOM) if content.startswith(BOM) else 0, 1
    start, ends = place, []
    while place < len(content):
        if end := LINE_END.match(content, place):
            ends.append((end[0], line))
            place, line = end.end(), line + 1
            continue
        record, place = _record(content, place, line)
        found.append(record)
        ends += [(record.end, line + _lines(record.raw))] if record.end else []
        line += _lines(record.raw) + bool(record.end)
    if blank := LINE_END.match(content, start):
        raise RefusedError(f"the header is blank: {blank[0]!r}")
    for (first, _), (other, where) in pairwise(ends):
        if first != other:
            raise RefusedError(f"line {where}")
    for record in found:
        _check_quotes(record, len(found[0].cells))
    return found


def is_utf8(cell: bytes) -> bool:
    """Whether bytes are text."""
    try:
        cell.decode()
    except UnicodeDecodeError:
        return False
    return True


def _record(content: bytes, place: int, line: int) -> tuple[Record, int]:
    record, start = Record(line), place
    while True:
        bare = not content.startswith((b'"', b' "'), place)
        cell, broken, place = _cell(content, place, line)
        if bare and cell.count(b'"') % 2:
            record.odd.add(len(record.cells))
        if broken:
            record.broken[len(record.cells)] = broken
        record.cells.append(cell)
        if content[place : place + 1] != b",":
            end = LINE_END.match(content, place)
            record.raw, record.end = content[start:place], end[0] if end else b""
            return record, place + len(record.end)
        place += 1


def _cell(content: bytes, place: int, line: int) -> tuple[bytes, str, int]:
    """A cell, what is wrong with its quotes, and where it ends."""
    opening = re.compile(rb' ?"').match(content, place)
    if not opening:
        end = re.compile(rb"[^,\r\n]*").match(content, place)
        assert end
        return end[0], "", end.end()
    quoted = re.compile(rb'((?:[^"]|"")*+)("?)').match(content, opening.end())
    assert quoted
    text = quoted[1].replace(b'""', b'"')
    if not quoted[2]:
        return text, NEVER, len(content)
    behind = re.compile(rb" *([^,\r\n]*)").match(content, quoted.end())
    assert behind
    if behind[1].startswith(b'"') and behind[0].startswith(b" "):
        raise RefusedError(f"line {line + _lines(content[place : quoted.end()])}")
    return text, BEHIND if behind[1] else "", behind.end()


def _check_quotes(record: Record, fields: int) -> None:
    """Refuse a cell with a line like a row within it, a record that begins and ends like one, and what falls apart."""
    lines = LINE_END.split(record.raw)
    if len(lines) == 1:
        return
    within = [line for cell in record.cells for line in LINE_END.split(cell)[1:-1]]
    like_rows = [line.count(b",") == fields - 1 for line in [*within, lines[0], lines[-1]]]
    if any(like_rows[:-2]) or all(like_rows[-2:]):
        raise RefusedError(f"line {record.line}")
    if any(_spans_lines(record, broken) for broken in record.broken.items()):
        raise RefusedError(f"line {record.line}")


def _spans_lines(record: Record, broken: tuple[int, str]) -> bool:
    """Whether a cell with broken quoting has text in several lines."""
    place, what = broken
    text = record.cells[place]
    return bool(LINE_END.search(text.rstrip() if what == NEVER else text))


def _lines(raw: bytes) -> int:
    return len(LINE_END.findall(raw))
