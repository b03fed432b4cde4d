"""Where a CSV falls apart: blank lines between bad rows, quotes that take rows along, line ends of several kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.data import write_sources
from tests.shared.agreement import rejects_of
from tests.shared.customers.test_rejects import BEHIND, GOOD, HEADER, NO_INT, Told, billing
from tests.shared.runs import merge, refused

if TYPE_CHECKING:
    from pathlib import Path

FEW, MANY = "too few fields", "too many fields"
BLANK_LINES: dict[str, tuple[str, Told]] = {
    "before a bad row": (GOOD + "\nb,,,\nc,,,x,,,\n", [(3, "", "b,,,", FEW), (4, "mrr", "x", NO_INT)]),
    "many, everywhere": (
        "\n\n" + GOOD + "b,,\n\n\nc,,,,,,,\n" + GOOD + 'd,"x"y,,,,,\n\ne,,,x,,,\n\nf,,\n\n',
        [
            (3, "", "b,,", FEW),
            (4, "", "c,,,,,,,", MANY),
            (6, "", 'd,"x"y,,,,,', BEHIND),
            (7, "mrr", "x", NO_INT),
            (8, "", "f,,", FEW),
        ],
    ),
    "in quoted cells": (
        'a,"x\n\n\ny",,,,,\na, "\n\n",,,,,\n\nb,,\n\na,x"y,,,,,\n\nc,,\n',
        [(4, "", "b,,", FEW), (6, "", "c,,", FEW)],
    ),
    "behind a line that is too long": (
        f"\nb,{'x' * 2_100_000},,,,,\n\nc,,\n",
        [(2, "", f"b,{'x' * 198}", "line too long"), (3, "", "c,,", FEW)],
    ),
}


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize(("content", "told"), BLANK_LINES.values(), ids=BLANK_LINES.keys())
def test_blank_lines_do_not_move_the_lines_of_rejects(tmp_path: Path, content: str, told: Told, newline: str) -> None:
    """A blank line is no record, so the records behind it keep their numbers; within a quoted cell it is text."""
    data = write_sources(tmp_path / "data", billing=billing(content).replace(b"\n", newline.encode()))
    merged = merge(data, tmp_path / "store", max_rejects="100%")
    assert [(int(r["line"]), r["column"], r["value"], r["reason"]) for r in rejects_of(merged)] == told


def test_blank_lines_of_a_long_file(tmp_path: Path) -> None:
    """Behind nine megabytes with blank lines and quoted newlines, a bad row has the number of its record."""
    rows = ["a,e,p,1,s,,2026-01-01", "", 'a,"two\n\nlines",p,1,s,,', f"a,{'x' * 60},p,1,s,,", ""] * 40_000
    content = "\n".join([*rows, "b,,", *rows, "c,,,x,,,", 'd,"x"y,,,,,']) + "\n"
    data = write_sources(tmp_path / "data", billing=billing(content))
    assert len(content) > 9_000_000
    merged = merge(data, tmp_path / "store", max_rejects="3")
    assert [(int(r["line"]), r["value"]) for r in rejects_of(merged)] == [
        (120_002, "b,,"),
        (240_003, "x"),
        (240_004, 'd,"x"y,,,,,'),
    ]


LONG = "a,e,p,1,s,,2026-01-01\n" * 100_000  # 2.2 MB: more than a line may have
VERY_LONG = LONG * 5  # more than DuckDB reads at a time
NEVER = "is never closed, or only far behind it"
OPEN_QUOTES = {
    "never closed": (GOOD + 'b,"x,,,,,\n' + GOOD * 3, 3, NEVER),
    "never closed, behind blank lines": ("\n" + GOOD + '\nb,"x,,,,,\n' + GOOD * 3, 3, NEVER),
    "never closed, in the first cell": (GOOD + '"b,x,,,,,\n' + GOOD, 3, NEVER),
    "never closed, the file goes on": (GOOD + 'b,"x,,,,,\n' + VERY_LONG, 3, NEVER),
    "closed in a later row": (
        GOOD + 'b,"x,,,,,\n' + GOOD * 3 + 'c,"y",,,,,\n' + GOOD,
        3,
        "is closed 4 lines further on, with text behind it",
    ),
    "closed in a later row, far behind": (GOOD + 'b,"x,,,,,\n' + VERY_LONG + 'c,"y",,,,,\n' + GOOD, 3, NEVER),
    "closed at the end of a cell, far behind": (GOOD + 'b,"x,,,,,\n' + LONG + 'c,y",,,,,\n' + GOOD, 3, NEVER),
}


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize(("content", "line", "where"), OPEN_QUOTES.values(), ids=OPEN_QUOTES.keys())
def test_a_quote_that_takes_rows_along(tmp_path: Path, content: str, line: int, where: str, newline: str) -> None:
    """Rows behind a quote that is not closed are lost with it, so the run ends, however many rejects are allowed."""
    data = write_sources(tmp_path / "data", billing=billing(content).replace(b"\n", newline.encode()))
    message = refused(data, tmp_path / "store", max_rejects="100%")
    assert message == (
        f"billing.csv in {data} cannot be read as CSV: the quote that opens in line {line} {where}, "
        "so the rows behind it are lost in its cell; close it, or write it twice where it is part of a value"
    )


def test_broken_quoting_behind_a_cell_of_several_lines(tmp_path: Path) -> None:
    """A quote that is closed in its own line costs its own row only, also when a cell before it has a newline."""
    data = write_sources(tmp_path / "data", billing=billing('b,"x\ny","z"z,,,,\n' + GOOD))
    merged = merge(data, tmp_path / "store", max_rejects="1")
    assert [(r["line"], r["reason"]) for r in rejects_of(merged)] == [("2", BEHIND)]
    assert merged.result["profiles_generated"] == 1


FULL = "a,e,p,1,s,,2026-01-01"
MIXED = {
    "CRLF, then LF": (f"{FULL}\r\n{FULL}\r\n{FULL}\n{FULL}\n".encode(), "\r\n", "line 1 ends in CRLF, line 4 in LF"),
    "LF, then CRLF": (f"{FULL}\n{FULL}\r\n".encode(), "\n", "line 1 ends in LF, line 3 in CRLF"),
    "CR, then LF": (f"{FULL}\r{FULL}\n{FULL}\n".encode(), "\r", "line 1 ends in CR, line 3 in LF"),
    "behind quoted newlines": (f'b,"x\r\ny",,,,,\n{FULL}\r\n'.encode(), "\n", "line 1 ends in LF, line 4 in CRLF"),
    "a return in a cell": (f"{FULL}\nb,x\ry,,,,,\n{FULL}\n".encode(), "\n", "line 1 ends in LF, line 3 in CR"),
    "two returns": (f"{FULL}\r\r\n{FULL}\r\n".encode(), "\r\n", "line 1 ends in CRLF, line 2 in CR"),
    "bad rows": (b'a,"x\r\ny",,,,,\nb,"x"y,,,,,\nc,,\r\n', "\n", "line 1 ends in LF, line 5 in CRLF"),
}


@pytest.mark.parametrize(("content", "newline", "where"), MIXED.values(), ids=MIXED.keys())
def test_lines_that_end_in_several_ways(tmp_path: Path, content: bytes, newline: str, where: str) -> None:
    """Either all rows are read, or the run ends with the first line of the file that ends otherwise, and the remedy."""
    data = write_sources(tmp_path / "data", billing=HEADER.replace("\n", newline).encode() + content)
    message = refused(data, tmp_path / "store", max_rejects="100%")
    assert message == f"billing.csv in {data} cannot be read as CSV: {where}; save it with one kind of line end"


def test_lines_that_end_in_several_ways_and_can_be_read(tmp_path: Path) -> None:
    """Where the last cell is blank, DuckDB takes any line end: every row is read, and its cells have none of it."""
    content = billing("a,,,1,,,\r\nb,,,2,,,\nc,,,3,,,\r\n")
    profiles = merge(write_sources(tmp_path / "data", billing=content), tmp_path / "store", num_shards=1).profiles
    assert [(p["customer_id"], p["mrr"], p["last_payment"]) for p in profiles] == [
        ("a", 1, None),
        ("b", 2, None),
        ("c", 3, None),
    ]
