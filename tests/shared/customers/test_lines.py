"""Where lines, quoted cells and records are, held against a machine that takes one byte at a time."""

from __future__ import annotations

import io
import random

import numpy as np
import pytest

from shared.customers import lines
from shared.customers.lines import BrokenCsvError, lines_of, pieces

BITS = [b'"', b'"', b",", b",", b"\n", b"\r", b"\r\n", b" ", b"a", b"\xc3\xa9"]


def slow(content: bytes) -> tuple[list[tuple[int, int]], bool]:
    """Where each record begins and in which line, and whether a quote is open at the end."""
    found, state, line, blank = [], "cell", 1, True
    for place, byte in enumerate(content):
        last, following = content[place - 1 : place], content[place + 1 : place + 2]
        end = byte == ord("\n") or (byte == ord("\r") and following != b"\n")
        if blank and byte not in b"\r\n":
            found.append((place, line))
            blank = False
        if state == "quoted":
            state = "behind" if byte == ord('"') else state
        elif state == "behind" and byte == ord('"') and last == b'"':
            state = "quoted"
        elif byte in b",\r\n":
            state, blank = "cell", blank or byte != ord(",")
        elif byte == ord('"') and state in {"cell", "space"}:
            state = "quoted"
        else:
            state = "space" if byte == ord(" ") and state == "cell" else "text"
        line += end
    return found, state == "quoted"


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_records_are_where_a_slow_machine_finds_them(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the bytes, and wherever the file is cut to be looked at."""
    monkeypatch.setattr(lines, "CHUNK", size)
    draw = random.Random(size)  # noqa: S311 — not for secrets
    for _ in range(1_000):
        content = b"".join(draw.choices(BITS, k=draw.randrange(40)))
        found, open_quote = slow(content)
        seen = list(pieces(io.BytesIO(content)))
        places = [
            (piece.offset + start, piece.line + line)
            for piece in seen
            for start, line in zip(piece.starts, piece.records, strict=True)
        ]
        assert places == found, content
        assert [piece.leaves_open for piece in seen][-1:] in ([], [open_quote]), content


def test_records_are_found_by_number() -> None:
    """Blank lines, and those within a cell, are lines and no records; a byte order mark is neither."""
    content = b'\xef\xbb\xbfa,b\n\n1,"2\n\n3"\n\r\n4,5'
    assert lines_of(io.BytesIO(content), np.array([1, 2, 2, 3])).tolist() == [1, 3, 3, 7]


def test_a_line_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not held in memory whatever its length, and the message names it."""
    monkeypatch.setattr(lines, "LONGEST_LINE", 5 << 20)
    with pytest.raises(BrokenCsvError, match=r"line 3 is longer than 5 MB, and a row may have 2,000,000 bytes"):
        list(pieces(io.BytesIO(b'a,b\n1,"\n' + b"x" * (7 << 20))))
