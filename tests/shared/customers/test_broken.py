"""Where a CSV falls apart: blank lines between bad rows, quotes that take rows along, line ends of several kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.data import csv_text, row, write_sources
from tests.shared.agreement import rejects_of
from tests.shared.customers.test_rejects import BEHIND, GOOD, HEADER, NO_INT, Told, billing
from tests.shared.runs import merge, refused

if TYPE_CHECKING:
    from pathlib import Path

FEW, MANY = "too few fields", "too many fields"
BLANK_LINES: dict[str, tuple[str, list[int], Told]] = {
    "before a bad row": (GOOD + "\nb,,,\nc,,,x,,,\n", [3, 4], [(4, "", "b,,,", FEW), (5, "mrr", "x", NO_INT)]),
    "many, everywhere": (
        "\n\n" + GOOD + "b,,\n\n\nc,,,,,,,\n" + GOOD + 'd,"x"y,,,,,\n\ne,,,x,,,\n\nf,,\n\n',
        [3, 4, 6, 7, 8],
        [
            (5, "", "b,,", FEW),
            (8, "", "c,,,,,,,", MANY),
            (10, "", 'd,"x"y,,,,,', BEHIND),
            (12, "mrr", "x", NO_INT),
            (14, "", "f,,", FEW),
        ],
    ),
    "in quoted cells": (
        'a,"x\n\n\ny",,,,,\na, "\n\n",,,,,\n\nb,,\n\na,x"y,,,,,\n\nc,,\n',
        [4, 6],
        [(10, "", "b,,", FEW), (14, "", "c,,", FEW)],
    ),
    "behind a line that is too long": (
        f"\nb,{'x' * 2_100_000},,,,,\n\nc,,\n",
        [2, 3],
        [(3, "", f"b,{'x' * 198}", "line too long"), (5, "", "c,,", FEW)],
    ),
}


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"], ids=["", "BOM"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize(("content", "records", "told"), BLANK_LINES.values(), ids=BLANK_LINES.keys())
def test_a_reject_has_its_line_and_its_record(  # noqa: PLR0913, PLR0917 — a parameter each
    tmp_path: Path, content: str, records: list[int], told: Told, newline: str, bom: bytes
) -> None:
    """``line`` is what an editor shows, ``record`` leaves out blank lines and the lines within a quoted cell."""
    data = write_sources(tmp_path / "data", billing=bom + billing(content).replace(b"\n", newline.encode()))
    rejects = rejects_of(merge(data, tmp_path / "store", max_rejects="100%"))
    assert [(int(r["line"]), r["column"], r["value"], r["reason"]) for r in rejects] == told
    assert [int(r["record"]) for r in rejects] == records


def test_lines_and_records_of_a_long_file(tmp_path: Path) -> None:
    """Behind nine megabytes with blank lines and quoted newlines, a bad row has its own line and record."""
    rows = ["a,e,p,1,s,,2026-01-01", "", 'a,"two\n\nlines",p,1,s,,', f"a,{'x' * 60},p,1,s,,", ""] * 40_000
    content = "\n".join([*rows, "b,,", *rows, "c,,,x,,,", 'd,"x"y,,,,,']) + "\n"
    data = write_sources(tmp_path / "data", billing=billing(content))
    assert len(content) > 9_000_000
    merged = merge(data, tmp_path / "store", max_rejects="3")
    assert [(int(r["line"]), int(r["record"]), r["value"]) for r in rejects_of(merged)] == [
        (280_002, 120_002, "b,,"),
        (560_003, 240_003, "x"),
        (560_004, 240_004, 'd,"x"y,,,,,'),
    ]


@pytest.mark.parametrize("lines", [400_000, 1])
def test_a_row_of_forty_megabytes(tmp_path: Path, lines: int) -> None:
    """Before, a quoted cell of that size ended in an IndexError without file or line; now its row is a reject."""
    cell = ("a note of a hundred characters " * 3 + "\n") * 400_000
    cell = cell if lines > 1 else cell.replace("\n", " ")
    content = GOOD + f'b,"{cell}",,,,,\n' + "c,,,x,,,\n" + GOOD
    rejects = rejects_of(
        merge(write_sources(tmp_path / "data", billing=billing(content)), tmp_path / "s", max_rejects="2")
    )
    last = str(4 + cell.count("\n"))
    assert [(r["line"], r["value"][:5], r["reason"]) for r in rejects] == [
        ("3", 'b,"a ', "line too long"),
        (last, "x", NO_INT),
    ]


LONG = "a,e,p,1,s,,2026-01-01\n" * 100_000  # 2.2 MB: more than a line may have
VERY_LONG = LONG * 5  # more than DuckDB reads at a time
NEVER, BEHIND_IT = "is never closed", "is closed in line 4 with text after it"
TAKES_4 = "contains line 4, which is a complete row"
OPEN_QUOTES = {
    "never closed": (GOOD + 'b,"x,,,,,\n' + GOOD * 3, 3, TAKES_4),
    "never closed, no row is whole": (GOOD + 'b,"x,,,,,\nc,,\n\nd,,\n', 3, NEVER),
    "never closed, behind blank lines": (
        "\n" + GOOD + '\nb,"x,,,,,\n' + GOOD * 3,
        5,
        "contains line 6, which is a complete row",
    ),
    "never closed, in the first cell": (GOOD + '"b,x,,,,,\n' + GOOD, 3, TAKES_4),
    "never closed, the file is long": (GOOD + 'b,"x,,,,,\n' + VERY_LONG, 3, TAKES_4),
    "closed in a later row": (GOOD + 'b,"x,,,,,\n' + GOOD * 3 + 'c,"y",,,,,\n' + GOOD, 3, TAKES_4),
    "closed in a later row, far behind": (GOOD + 'b,"x,,,,,\n' + VERY_LONG + 'c,"y",,,,,\n' + GOOD, 3, TAKES_4),
    "closed at the end of a cell, far behind": (GOOD + 'b,"x,,,,,\n' + LONG + 'c,y",,,,,\n' + GOOD, 3, TAKES_4),
    "closed at the end of a cell 35 rows on": (GOOD + 'b,"x,,,,,\n' + GOOD * 35 + 'c",,,,,\n' + GOOD, 3, TAKES_4),
    "closed in the last cell, with a reject's worth of fields": (
        GOOD + 'b,"x,,,,,\n' + GOOD * 35 + 'c,,,,,,y"\n' + GOOD,
        3,
        TAKES_4,
    ),
    "closed in the next row": (GOOD + 'b,"e,p,1,s,,\nc,e",p,1,s,,\n' + GOOD, 3, TAKES_4),
    "closed in the next row, with text after it": (GOOD + 'b,"x,,,,\nc,"y",,,,,\n' + GOOD, 3, BEHIND_IT),
    "one of the rows between is whole": (
        GOOD + 'b,"x,,\nc,,\n\n' + GOOD + 'c,"",\ny",,,,,\n',
        3,
        "contains line 6, which is a complete row",
    ),
}


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize(("content", "line", "what"), OPEN_QUOTES.values(), ids=OPEN_QUOTES.keys())
def test_a_quote_that_takes_rows_along(tmp_path: Path, content: str, line: int, what: str, newline: str) -> None:
    """Rows behind a quote that is not closed are lost with it, so the run ends, however many rejects are allowed.

    Before, 35 rows vanished in one cell where the quote was closed at the end of a later cell.
    """
    data = write_sources(tmp_path / "data", billing=billing(content).replace(b"\n", newline.encode()))
    message = refused(data, tmp_path / "store", max_rejects="100%")
    assert message == (
        f"billing.csv in {data} cannot be read as CSV: the quote that opens in line {line} {what}, "
        "so rows would be lost; close the quote, or double it if it is part of a value"
    )


MULTI_LINE = {
    "a note": "dear, all\nwe, met, twice",
    "an address": "12 Main St\nSpringfield, IL\nUSA",
    "commas beside those of a row": "x,x,x,x,x,x,x\ny,y\nz,z,z,z,z,z,z,z",
    "as a row at its end alone": "x\n,,,,,,",
    "blank lines": "\n\n\n",
    "quotes": 'say "a",\n"b", "c"\n""',
}


def test_several_lines_in_the_first_and_the_last_cell(tmp_path: Path) -> None:
    """The line between them has all commas of the row, and is still no row of its own."""
    data = write_sources(tmp_path / "data", billing=billing('"a\nb",e,p,1,s,,"2026\n01"\n' + GOOD))
    rejects = rejects_of(merge(data, tmp_path / "store", max_rejects="1"))
    assert [(r["line"], r["column"]) for r in rejects] == [("2", "last_payment")]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("cell", MULTI_LINE.values(), ids=MULTI_LINE.keys())
def test_a_cell_of_several_lines_is_a_cell(tmp_path: Path, cell: str, newline: str) -> None:
    """A quoted cell may have line breaks, commas and quotes, as long as none of its lines is as a row of the file."""
    text = csv_text("crm", [row("a", company_name=cell, sales_owner=cell), row("b")]).replace("\n", newline)
    merged = merge(write_sources(tmp_path / "data", crm=text.encode()), tmp_path / "store", num_shards=1)
    first, second = merged.profiles
    wanted = cell.replace("\n", newline) if cell.strip() else None
    assert (first["company_name"], first["sales_owner"], second["customer_id"]) == (wanted, wanted, "b")


def test_broken_quoting_behind_a_cell_of_several_lines(tmp_path: Path) -> None:
    """A quote that is closed in its own line costs its own row only, also when a cell before it has a newline."""
    data = write_sources(tmp_path / "data", billing=billing('b,"x\ny","z"z,,,,\n' + GOOD))
    merged = merge(data, tmp_path / "store", max_rejects="1")
    assert [(r["line"], r["reason"]) for r in rejects_of(merged)] == [("2", BEHIND)]
    assert merged.result["profiles_generated"] == 1


FULL = "a,e,p,1,s,,2026-01-01"
MIXED = {
    "CRLF, then LF": (f"{FULL}\r\n{FULL}\r\n{FULL}\n{FULL}\n".encode(), "\r\n", "CRLF, line 4 in LF"),
    "LF, then CRLF": (f"{FULL}\n{FULL}\r\n".encode(), "\n", "LF, line 3 in CRLF"),
    "CR, then LF": (f"{FULL}\r{FULL}\n{FULL}\n".encode(), "\r", "CR, line 3 in LF"),
    "behind quoted newlines": (f'b,"x\r\ny",,,,,\n{FULL}\r\n'.encode(), "\n", "LF, line 4 in CRLF"),
    "a return in a cell": (f"{FULL}\nb,x\ry,,,,,\n{FULL}\n".encode(), "\n", "LF, line 3 in CR"),
    "two returns": (f"{FULL}\r\r\n{FULL}\r\n".encode(), "\r\n", "CRLF, line 2 in CR"),
    "bad rows": (b'a,"x\r\ny",,,,,\nb,"x"y,,,,,\nc,,\r\n', "\n", "LF, line 5 in CRLF"),
    "blank last cells": (b"a,,,1,,,\r\nb,,,2,,,\n", "\r\n", "CRLF, line 3 in LF"),
    "a blank line": (f"{FULL}\n\r\n{FULL}\n".encode(), "\n", "LF, line 3 in CRLF"),
}


@pytest.mark.parametrize(("content", "newline", "where"), MIXED.values(), ids=MIXED.keys())
def test_lines_that_end_in_several_ways(tmp_path: Path, content: bytes, newline: str, where: str) -> None:
    """The run ends with the first line of the file that ends otherwise than its header, and the remedy."""
    data = write_sources(tmp_path / "data", billing=HEADER.replace("\n", newline).encode() + content)
    message = refused(data, tmp_path / "store", max_rejects="100%")
    assert message == (
        f"billing.csv in {data} cannot be read as CSV: the header ends in {where}; save it with one kind of line end"
    )
