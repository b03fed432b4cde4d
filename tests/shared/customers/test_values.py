"""From the text of a cell to its value: what each kind of column takes, and why it refuses."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any
from unicodedata import category

import pyarrow as pa
import pytest

from shared.customers.connection import connect
from shared.customers.values import key_sql
from tests.data import COLUMNS, Row, row, write_sources
from tests.oracle_csv import shown
from tests.shared.agreement import rejects_of
from tests.shared.runs import Merged, merge

if TYPE_CHECKING:
    from pathlib import Path

TAKEN: list[tuple[str, str, str, Any]] = [
    ("billing", "mrr", "12", 12),
    ("billing", "mrr", "+5", 5),
    ("billing", "mrr", "007", 7),
    ("billing", "mrr", "-0", 0),
    ("billing", "mrr", "-3", -3),
    ("billing", "mrr", "9223372036854775807", 2**63 - 1),
    ("billing", "mrr", "-9223372036854775808", -(2**63)),
    ("product", "usage_pct", "0", 0),
    ("product", "usage_pct", "100", 100),
    ("product", "total_sessions", "0", 0),
    ("support", "nps_score", "10", 10),
    ("support", "csat_score", "1", 1.0),
    ("support", "csat_score", "5.0", 5.0),
    ("support", "avg_resolution_hrs", "0", 0.0),
    ("support", "avg_resolution_hrs", "0.1", 0.1),
    ("support", "avg_resolution_hrs", "83", 83.0),
    ("support", "avg_resolution_hrs", "+2.50", 2.5),
    ("support", "avg_resolution_hrs", ".5", 0.5),
    ("support", "avg_resolution_hrs", "5.", 5.0),
    ("support", "avg_resolution_hrs", "1e3", 1000.0),
    ("support", "avg_resolution_hrs", "1.5E-3", 0.0015),
    ("support", "avg_resolution_hrs", "0.1000000000000000055511151231257827", 0.1),
    ("crm", "last_contact", "2026-01-31", "2026-01-31"),
    ("crm", "last_contact", "2024-02-29", "2024-02-29"),
    ("crm", "last_contact", "0001-01-01", "0001-01-01"),
    ("crm", "last_contact", "9999-12-31", "9999-12-31"),
]

BAD_WHOLE = ["12.7", "12.0", "0x1F", "1e3", " 12", "12 ", "1_000", "1,000", "--5", "+", "x", "nan", "true", "١٢"]
BAD_WHOLE += ["NA", "null"]
TOO_LARGE = ["9999999999999999999999", "9223372036854775808", "-9223372036854775809"]
LARGEST = "1.7976931348623157e+308"
BAD_NUMBERS = [
    "nan",
    "NaN",
    "inf",
    "-inf",
    "Infinity",
    "1,5",
    " 1",
    "1 ",
    "0x1F",
    "1_0",
    ".",
    "e3",
    "1e",
    "NA",
]
BAD_DATES = ["2026-02-30", "2026-13-01", "2025-02-29", "2026-1-1", "26-01-01", "20260131", "31.01.2026", "2026/01/31"]
BAD_DATES += ["2026-01-31 ", " 2026-01-31", "2026-01-31T00:00", "2026-01-31 (BC)", "0000-01-01", "10000-01-01"]
BAD_DATES += ["today", "epoch", "infinity", "-infinity", "NA"]

REFUSED = [
    *(("billing", "mrr", text, "not a whole number") for text in BAD_WHOLE),
    *(("support", "avg_resolution_hrs", text, "not a number") for text in BAD_NUMBERS),
    *(("crm", "last_contact", text, "not a date like 2026-01-31") for text in BAD_DATES),
    *(("billing", "mrr", text, "out of range -9223372036854775808..9223372036854775807") for text in TOO_LARGE),
    ("product", "total_sessions", "9223372036854775808", "out of range 0..9223372036854775807"),
    ("product", "usage_pct", "9223372036854775808", "out of range 0..100"),
    ("support", "avg_resolution_hrs", "1e400", f"out of range 0..{LARGEST}"),
    ("support", "avg_resolution_hrs", "-1e400", f"out of range 0..{LARGEST}"),
    ("support", "csat_score", "1e400", "out of range 1..5"),
    ("product", "usage_pct", "101", "out of range 0..100"),
    ("product", "usage_pct", "-1", "out of range 0..100"),
    ("product", "total_sessions", "-1", "out of range 0.."),
    ("crm", "employee_count", "-5", "out of range 0.."),
    ("support", "nps_score", "11", "out of range 0..10"),
    ("support", "csat_score", "0.99", "out of range 1..5"),
    ("support", "csat_score", "5.01", "out of range 1..5"),
    ("support", "avg_resolution_hrs", "-0.1", "out of range 0.."),
]

BLANK = ["", " ", "   ", "\t", "\n", " \r\n\t\v\f "]


@pytest.fixture(scope="module")
def merged(tmp_path_factory: pytest.TempPathFactory) -> Merged:
    """One run over a customer for each good and each bad cell; the id tells which."""
    folder = tmp_path_factory.mktemp("cells")
    tables: dict[str, list[Row]] = {source: [] for source in COLUMNS}
    for source, column, text, _ in [*TAKEN, *REFUSED]:
        tables[source].append(row(f"{column}={text}", **{column: text}))
    return merge(write_sources(folder / "data", **tables), folder / "store", num_shards=1, max_rejects="100%")


@pytest.mark.parametrize(("column", "text", "value"), [case[1:] for case in TAKEN])
def test_a_good_cell(merged: Merged, column: str, text: str, value: Any) -> None:
    """The text is read as the value it means."""
    (profile,) = [profile for profile in merged.profiles if profile["customer_id"] == f"{column}={text}"]
    assert repr(profile[column]) == repr(value)


@pytest.mark.parametrize(("source", "column", "text", "reason"), REFUSED)
def test_a_bad_cell(merged: Merged, source: str, column: str, text: str, reason: str) -> None:
    """Text that is not a value of its column is refused by name, never bent into one."""
    wanted = {"source": source, "column": column, "value": shown(text), "reason": reason}
    found = [{name: reject[name] for name in wanted} for reject in rejects_of(merged)]
    assert wanted in found
    assert f"{column}={text}" not in {profile["customer_id"] for profile in merged.profiles}


def test_every_bad_cell_is_a_reject_and_no_good_one(merged: Merged) -> None:
    """There are as many rejects as bad cells."""
    assert merged.result["rejects"] == len(REFUSED)
    assert merged.result["profiles_generated"] == len(TAKEN)


@pytest.mark.parametrize("blank", BLANK)
@pytest.mark.parametrize("quoted", [False, True], ids=["plain", "quoted"])
def test_a_blank_cell_is_missing(tmp_path: Path, blank: str, quoted: bool) -> None:  # noqa: FBT001 — a parameter
    """A cell with nothing but white space is missing in every kind of column, quoted or not."""
    cell = f'"{blank}"' if quoted or "\n" in blank else blank
    header = "customer_id,email,total_tickets,open_tickets,avg_resolution_hrs,last_ticket_date,nps_score,csat_score"
    data = write_sources(tmp_path / "data", support=f"{header}\na{f',{cell}' * 7}\n")
    (profile,) = merge(data, tmp_path / "store", num_shards=1).profiles
    assert {profile[name] for name in header.split(",")} == {"a", None}


@pytest.mark.parametrize("text", ["NA", "N/A", "null", "NULL", "None", "nan", "-"])
def test_words_for_nothing_are_text(tmp_path: Path, text: str) -> None:
    """Only blank is missing: ``NA`` is a text, or a customer's id."""
    data = write_sources(tmp_path / "data", crm=[row(text, industry=text, email=text)])
    (profile,) = merge(data, tmp_path / "store", num_shards=1).profiles
    assert [profile[name] for name in ("customer_id", "industry", "email")] == [text] * 3


UNSEEN = ["\x85", "\xa0", "\u2003", "\u2028", "\u3000", "\ufeff"]
FORMATS = ["\u200b", "\u200e", "\u200d", "\u2060", "\xad", "\u061c", "\U000e0020", "\u200b\u2003 \ufeff\u202e"]


@pytest.mark.parametrize("space", [*UNSEEN, *FORMATS])
def test_what_is_not_seen_in_unicode(tmp_path: Path, space: str) -> None:
    """Around an id it is left out, so that it makes no other customer; in a text it stays; a number refuses it.

    Before, a zero-width space alone was a customer.
    """
    rows = [
        row(f"{space}a{space}", plan=f"{space}x", mrr="1"),
        row("a", plan=space),
        row("b", mrr=f"{space}1"),
        row(space),
    ]
    merged = merge(write_sources(tmp_path / "data", billing=rows), tmp_path / "store", num_shards=1, max_rejects="2")
    assert [(p["customer_id"], p["plan"]) for p in merged.profiles] == [("a", space)]
    assert [(r["column"], r["reason"]) for r in rejects_of(merged)] == [
        ("mrr", "not a whole number"),
        ("customer_id", "blank customer_id"),
    ]


def test_all_format_characters_are_left_out_around_ids() -> None:
    """Those of the Unicode that this Python has, and all white space."""
    unseen = [each for each in map(chr, range(sys.maxunicode + 1)) if category(each) == "Cf" or each.isspace()]
    separators = set(map(chr, range(0x1C, 0x20)))  # text to DuckDB and to the digest
    texts = [f"{each}x{each}" for each in unseen if each not in separators]
    with connect() as connection:
        connection.register("ids", pa.table({"id": texts}))
        found = connection.sql(f"select distinct {key_sql('id')} from ids").fetchall()
    assert len(texts) > 180
    assert found == [("x",)]


@pytest.mark.parametrize(
    ("written", "value"),
    [(' "a,b"', "a,b"), ('"a,b"  ', "a,b"), ('  "a"', '  "a"'), ('\t"a"', '\t"a"'), ('6" pipe', '6" pipe')],
)
def test_spaces_beside_quotes(tmp_path: Path, written: str, value: str) -> None:
    """One space before a quoted cell and any behind it are no part of it; behind more, or text, a quote is text."""
    header = ",".join(COLUMNS["billing"])
    data = write_sources(tmp_path / "data", billing=f"{header}\na,,{written},1,,,\n")
    (profile,) = merge(data, tmp_path / "store", num_shards=1).profiles
    assert profile["plan"] == value
