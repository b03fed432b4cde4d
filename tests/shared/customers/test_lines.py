"""Where lines, quoted cells and records are, held against a machine that takes one byte at a time."""

from __future__ import annotations

import io
import random

import numpy as np
import pytest

from shared.customers import lines
from shared.customers.lines import BrokenCsvError, lines_of, pieces, places, records_at

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
        seen = [list(zip(part.starts, part.lines, strict=True)) for part in places(io.BytesIO(content))]
        assert [place for part in seen for place in part] == found, content
        assert [bool(piece.quoted[-1]) for piece in pieces(io.BytesIO(content))][-1:] in ([], [open_quote]), content


def test_records_are_found_by_byte_and_by_number() -> None:
    """A byte in the blank lines before a record is that record's; a byte order mark moves bytes, not lines."""
    content = b'\xef\xbb\xbfa,b\n\n1,"2\n\n3"\n\r\n4,5'
    records = content.index(b"1,"), content.index(b"4,")
    starts = np.array([records[0] - 1, records[0], records[1] - 3, records[1] - 2, records[1]])
    numbers, found = records_at(io.BytesIO(content), starts)
    assert (numbers.tolist(), found.tolist()) == ([2, 2, 3, 3, 3], [3, 3, 7, 7, 7])
    assert lines_of(io.BytesIO(content), np.array([1, 2, 2, 3])).tolist() == [1, 3, 3, 7]


def test_a_line_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not held in memory whatever its length."""
    monkeypatch.setattr(lines, "LONGEST_LINE", 5 << 20)
    with pytest.raises(BrokenCsvError, match=r"it has a line of more than 5 MB; is its line end missing\?"):
        list(pieces(io.BytesIO(b"x" * (7 << 20))))
