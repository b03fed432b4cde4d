"""Broken rows before, across and behind the ends of DuckDB's buffers, which are made small: no other row is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shared.customers import lines, scan
from shared.customers.connection import connect
from shared.customers.plain import PlainFile
from shared.customers.scan import survey_parts, table_sql
from shared.customers.source_files import SourceFiles
from tests.data import COLUMNS, write_sources
from tests.shared.agreement import rejects_of
from tests.shared.runs import merge

if TYPE_CHECKING:
    from pathlib import Path

BUFFER = 240
HEADER = ",".join(COLUMNS["billing"]).encode() + b"\n"
GOOD = [
    b"a%03d,plain@example.com,Starter,1,Active,2026-01-01,2026-01-02\n",
    b'a%03d,"a ""quoted"", one", "Starter" ,1,Active,,\n\n',
    b'a%03d,"two\n\nlines","",1,"Active","2026-01-01",2026-01-02\n',
]
BROKEN = {
    "none": b"",
    "text behind a quote": b'b,"closed"x,Starter,1,Active,2026-01-01,2026-01-02\n',
    "several of them": b'b,"closed"x,"Starter"y,1,"Active"z,2026-01-01,2026-01-02\n',
    "too few fields": b"b,e@example.com,Starter,1,Active,2026-01-01\n",
    "too many fields": b"b,e@example.com,Starter,1,Active,2026-01-01,2026-01-02,,\n",
    "torn cells": b'b,e@example.com,$78.07"Table, Round",Active,2026-01-01,2026-01-02\n',
    "not UTF-8": b"b,e@example.com,Starter,1,Acti\xffve,2026-01-01,2026-01-02\n",
    "too long": b"b," + b"x" * 200 + b",Starter,1,Active,2026-01-01,2026-01-02\n",
    "several lines": b'b,"x\n\n\ny",Starter,1,Active,2026-01-01,2026-01-02,\n',
}


@pytest.fixture(autouse=True)
def _small_buffers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "BUFFER", BUFFER)
    monkeypatch.setattr("shared.customers.broken.LONGEST_RECORD", 200)
    monkeypatch.setattr(lines, "LONGEST_RECORD", 200)
    monkeypatch.setattr(lines, "CHUNK", 600)


def rows(broken: bytes, pad: int) -> list[bytes]:
    """Some good rows, and the broken one between them again and again, moved by some bytes."""
    return [b"p" * pad + b"a,,,,,,\n", *[each for n in range(60) for each in (GOOD[n % 3] % n, broken)], GOOD[0] % 999]


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
def test_good_rows_are_read_whatever_is_between_them(tmp_path: Path, broken: bytes) -> None:
    """At every offset of a row DuckDB reads each good row as it is, and never sees a broken one."""
    data = write_sources(tmp_path / "data")
    with connect() as connection:
        for pad in range(1, 65):
            (data / "billing.csv").write_bytes(HEADER + b"".join(rows(broken, pad)))
            file = PlainFile.of(SourceFiles.at(str(data)), "billing.csv", tmp_path)
            parts = survey_parts([file], tmp_path, at_most=1_000)
            assert parts[0].good.read_bytes() == HEADER + b"".join(rows(b"", pad))
            read = connection.sql(f"select customer_id, plan, last_payment from {table_sql(parts)}").fetchall()
            assert read == [("p" * pad + "a", "", ""), *map(wanted, range(60)), wanted(999)], pad
            assert parts[0].rows == len(read)


def wanted(number: int) -> tuple[str, str, str]:
    """The first, third and last cell of a good row."""
    return [
        (f"a{number:03d}", "Starter", "2026-01-02"),
        (f"a{number:03d}", "Starter", ""),
        (f"a{number:03d}", "", "2026-01-02"),
    ][number % 3]


def test_two_losses_do_not_cancel_out(tmp_path: Path) -> None:
    """Before, a row with text behind a quote at one end of a buffer and another at the next lost the rest of the file.

    The count of rows was right: the rows of one buffer were read twice.
    """
    bad = b'bad%d,"closed"x,2,3,4,5,6,7,2026-01-01\n'
    row = b"f%03d,,x,y,lead,o,5,6,2026-01-01\n"
    content = ",".join(COLUMNS["crm"]).encode() + b"\n"
    for number in range(3):
        while len(content) < BUFFER * 4 * (number + 1):
            content += row % (len(content) // 7)
        content += bad % number
    content += b"".join(b"t%03d,,only in the tail,i,lead,o,5,6,2026-01-01\n" % number for number in range(50))
    merged = merge(write_sources(tmp_path / "data", crm=content), tmp_path / "store", max_rejects="3")
    assert len(rejects_of(merged)) == 3
    assert sum(profile["company_name"] == "only in the tail" for profile in merged.profiles) == 50
    assert merged.result["records_processed"] == content.count(b"\n") - 4
