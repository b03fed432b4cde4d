"""Rows that cannot be used: which, why, and how they are reported."""

from __future__ import annotations

import csv
import stat
from datetime import date
from typing import TYPE_CHECKING

import pytest

from shared.customers.generate import generate
from shared.customers.reject_limit import allowed_rejects
from shared.run import steps
from shared.run.errors import TerminalError
from tests.data import COLUMNS, csv_text, row, write_sources
from tests.shared.agreement import rejects_of
from tests.shared.runs import finish, folder_of, merge, new_job, opened, published, refused

if TYPE_CHECKING:
    from pathlib import Path

HEADER = ",".join(COLUMNS["billing"]) + "\n"
GOOD = "a,,,1,,,\n"
NO_INT, NO_DATE, NO_ID = "not a whole number", "not a date like 2026-01-31", "blank customer_id"
TORN = "broken quoting: an odd number of quotes in two adjacent cells"
BEHIND, UNCLOSED = "broken quoting: text after a closing quote", "broken quoting: a quote that is never closed"

Told = list[tuple[int, str, str, str]]

BROKEN: dict[str, tuple[str | bytes, Told]] = {
    "too few fields": (GOOD + "b,,,2\n" + GOOD, [(3, "", "b,,,2", "too few fields")]),
    "one field": ("b\n", [(2, "", "b", "too few fields")]),
    "too many fields": (GOOD + "b,,,,,,,x\n" + GOOD, [(3, "", "b,,,,,,,x", "too many fields")]),
    "a comma too many at the end": (GOOD + "b,,,2,,,,\n", [(3, "", "b,,,2,,,,", "too many fields")]),
    "two commas too many": (GOOD + "b,,,2,,,,,\n", [(3, "", "b,,,2,,,,,", "too many fields")]),
    "a quoted nothing too many": ('b,,,2,,,,""\n' + GOOD, [(2, "", 'b,,,2,,,,""', "too many fields")]),
    "text behind a quote": (GOOD + 'b,"x"y,,,,,\n' + GOOD, [(3, "", 'b,"x"y,,,,,', BEHIND)]),
    "a quote that never ends": (GOOD + 'b,"x,,,,,\n', [(3, "", 'b,"x,,,,,', UNCLOSED)]),
    "a quote that never ends, in the last line": (GOOD + 'b,,,,,,"2', [(3, "", 'b,,,,,,"2', UNCLOSED)]),
    "a comma missing before a quoted cell with one": (
        GOOD + 'b,$78.07"Table, Round",1,,,\n' + GOOD,
        [(3, "", 'b,$78.07"Table, Round",1,,,', TORN)],
    ),
    "inches side by side": ('b,6",8",1,,,\n' + 'a,"6""",8",1,,,\n', [(2, "", 'b,6",8",1,,,', TORN)]),
    "bytes that are not UTF-8": ((GOOD + "b,").encode() + b"\xff,,,,,\n", [(3, "", "b,\ufffd,,,,,", "not UTF-8")]),
    "Latin-1 in an id": (b"Andr\xe9,,,,,,\n" + GOOD.encode(), [(2, "", "Andr\ufffd,,,,,,", "not UTF-8")]),
    "blank ids": (
        GOOD + ",,,1,,,\n" + "  ,,,1,,,\n",
        [(3, "customer_id", "", NO_ID), (4, "customer_id", "  ", NO_ID)],
    ),
    "a bad number": (GOOD + "b,,,1.5,,,\n", [(3, "mrr", "1.5", NO_INT)]),
    "two bad cells": ("b,,,x,,y,z\n", [(2, "mrr", "x", NO_INT)]),
    "a bad cell and a blank id": (",,,x,,,\n", [(2, "customer_id", "", NO_ID)]),
    "bad cells behind broken quoting": (
        GOOD + 'b,"x"y,,,,,\n' + "c,,,x,,,\n" + 'd,,,,,,"x"y\n' + "e,,,y,,,\n",
        [
            (3, "", 'b,"x"y,,,,,', BEHIND),
            (4, "mrr", "x", NO_INT),
            (5, "", 'd,,,,,,"x"y', BEHIND),
            (6, "mrr", "y", NO_INT),
        ],
    ),
    "behind quoted newlines": (
        'a,"x\ny\r\nz",,,,,\nb,,,\na,"\n\n",,,,,\nd,,,x,,,\n',
        [(5, "", "b,,,", "too few fields"), (9, "mrr", "x", NO_INT)],
    ),
    "all kinds, mixed with good rows": (
        GOOD + "b,,\n" + GOOD + "c,,,x,,,\n" + 'd,"x"y,,,,,\n' + "e,,,,,,,\n" + "f,,,y,,,\n" + GOOD + "g,,,,,,z\n",
        [
            (3, "", "b,,", "too few fields"),
            (5, "mrr", "x", NO_INT),
            (6, "", 'd,"x"y,,,,,', BEHIND),
            (7, "", "e,,,,,,,", "too many fields"),
            (8, "mrr", "y", NO_INT),
            (10, "last_payment", "z", NO_DATE),
        ],
    ),
    "a bad cell behind a row that is not UTF-8 in another cell": (
        GOOD.encode() + b"b,\xe9,,,,,\nc,,,x,,,\n",
        [(3, "", "b,\ufffd,,,,,", "not UTF-8"), (4, "mrr", "x", NO_INT)],
    ),
}


def billing(content: str | bytes) -> bytes:
    """A billing file with these lines."""
    return HEADER.encode() + (content.encode() if isinstance(content, str) else content)


@pytest.mark.parametrize(("content", "told"), BROKEN.values(), ids=BROKEN.keys())
def test_bad_rows(tmp_path: Path, content: str | bytes, told: Told) -> None:
    """Each bad row is one reject with its line, leftmost bad column, value and reason; the others count."""
    data = write_sources(tmp_path / "data", billing=billing(content))
    merged = merge(data, tmp_path / "store", num_shards=1, max_rejects="100%")
    rejects = [(int(r["line"]), r["column"], r["value"], r["reason"]) for r in rejects_of(merged)]
    assert rejects == told
    assert [profile["customer_id"] for profile in merged.profiles] == (["a"] if b"\na," in billing(content) else [])


@pytest.mark.parametrize("newline", [b"\r\n", b"\r"], ids=["CRLF", "CR"])
def test_bad_rows_between_other_line_ends(tmp_path: Path, newline: bytes) -> None:
    """Line ends are no part of a value and do not move the lines."""
    content = billing("b,,,\nc,,,,,,,x\n" + GOOD + "d,,,x,,,\ne,,\n").replace(b"\n", newline)
    data = write_sources(tmp_path / "data", billing=content)
    merged = merge(data, tmp_path / "store", max_rejects="100%")
    assert [(r["line"], r["value"]) for r in rejects_of(merged)] == [
        ("2", "b,,,"),
        ("3", "c,,,,,,,x"),
        ("5", "x"),
        ("6", "e,,"),
    ]


@pytest.mark.parametrize(("content", "told"), BROKEN.values(), ids=BROKEN.keys())
def test_bad_rows_end_the_run(tmp_path: Path, content: str | bytes, told: Told) -> None:
    """The message names file, line, column, value and reason of each, and what to do; nothing is published."""
    message = refused(write_sources(tmp_path / "data", billing=billing(content)), tmp_path / "store")
    assert f"{len(told)} of " in message
    for line, column, value, reason in told[:5]:
        where = f"billing.csv line {line}, column {column}:" if column else f"billing.csv line {line}:"
        assert f"\n  {where} {value!r} {reason}\n" in message
    assert message.endswith("Fix the input files, or allow some by max_rejects.")


def test_blank_lines_are_no_records(tmp_path: Path) -> None:
    """Blank lines, in the middle or at the end, are neither customers nor rejects."""
    data = write_sources(tmp_path / "data", billing=HEADER + "\n" + GOOD + "\n\nb,,,x,,,\n\n\n")
    assert "billing.csv line 6, column mrr: 'x'" in refused(data, tmp_path / "store")


def test_a_line_that_is_too_long(tmp_path: Path) -> None:
    """A line of several megabytes is a reject, and the rows behind it are read."""
    content = f"b,{'x' * 3_000_000},,,,,\n" + GOOD + "c,,,y,,,\n"
    data = write_sources(tmp_path / "data", billing=billing(content))
    merged = merge(data, tmp_path / "store", max_rejects="2")
    told = [(r["line"], r["value"][:4], len(r["value"]), r["reason"]) for r in rejects_of(merged)]
    assert told == [("2", "b,xx", 200, "line too long"), ("4", "y", 1, NO_INT)]
    assert merged.result["profiles_generated"] == 1


def test_the_leftmost_bad_column_is_that_of_the_file(tmp_path: Path) -> None:
    """When the file orders its columns otherwise, its order tells which bad cell is named."""
    text = csv_text("billing", [row("a", mrr="x", last_payment="y")], columns=COLUMNS["billing"][::-1])
    assert "line 2, column last_payment: 'y'" in refused(
        write_sources(tmp_path / "data", billing=text), tmp_path / "store"
    )


def test_the_message_shows_five_and_where_the_others_are(tmp_path: Path) -> None:
    """Of many rejects the first five are shown, sources in their order, with the count, the limit and the file."""
    bad = [row(f"b{number}", mrr="x") for number in range(4)]
    data = write_sources(tmp_path / "data", support=[row("s", nps_score="x")] * 3, billing=bad, crm=[row("ok")])
    message = refused(data, tmp_path / "store")
    first, *shown = message.splitlines()
    assert first == "7 of 8 rows cannot be used, max_rejects is 0; the first:"
    wanted = [f"  billing.csv line {line}" for line in (2, 3, 4, 5)] + ["  support.csv line 2"]
    assert [line.partition(",")[0] for line in shown[:5]] == wanted
    assert shown[5] == f"All of them: {tmp_path}/store/runs/r/rejects.csv"


def test_long_values_are_cut(tmp_path: Path) -> None:
    """A message shows 80 characters of a value, the rejects file 200."""
    data = write_sources(tmp_path / "data", billing=[row("a", mrr="é" * 300)])
    assert f" {'é' * 80 + '…'!r} not a whole number" in refused(data, tmp_path / "store")
    assert rejects_of(merge(data, tmp_path / "store", max_rejects="1"))[0]["value"] == "é" * 200


def test_redacting_keeps_values_out_of_the_message(tmp_path: Path) -> None:
    """With redact on, neither a cell nor a broken line is shown, only where it is and why."""
    data = write_sources(tmp_path / "data", billing=billing("secret@example.com,,,\nb,,,hidden,,,\n"))
    message = refused(data, tmp_path / "store", redact=True)
    assert "\n  billing.csv line 2: too few fields\n  billing.csv line 3, column mrr: not a whole number\n" in message
    assert "secret" not in message
    assert "hidden" not in message


def test_the_rejects_file_is_for_its_owner(tmp_path: Path) -> None:
    """Values are personal data: the file of the run and that of the staging can be read by their owner alone."""
    data = write_sources(tmp_path / "data", billing=[row("a", mrr='say "x", y')])
    refused(data, tmp_path / "store")
    files = list((tmp_path / "store").rglob("rejects.csv"))
    assert {file.relative_to(tmp_path / "store").parts[0] for file in files} == {"runs", "staged"}
    for file in files:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert file.read_text() == (
            'source,line,record,column,value,reason\n"billing",2,2,"mrr","say ""x"", y","not a whole number"\n'
        )


def test_a_run_without_rejects_has_an_empty_file(tmp_path: Path) -> None:
    """The file is there and has its header only."""
    merged = merge(write_sources(tmp_path / "data", crm=[row("a")]), tmp_path / "store")
    assert (merged.folder / "rejects.csv").read_text() == "source,line,record,column,value,reason\n"


@pytest.mark.parametrize(
    ("limit", "passes"), [("0", False), ("2", False), ("3", True), ("29%", False), ("30%", True), ("30.5%", True)]
)
def test_the_limit_on_new_and_on_reused_staging(tmp_path: Path, limit: str, passes: bool) -> None:  # noqa: FBT001
    """Three of ten rows are bad: a limit of 3 or 30 % lets the run pass, also when another has staged the data."""
    rows = [row(f"c{number}", mrr="x" if number < 3 else "1") for number in range(10)]
    data = write_sources(tmp_path / "data", billing=rows)
    for run_id, staging in (("first", "new"), ("second", "reused")):
        job = opened(data, tmp_path / "store", run_id=run_id, max_rejects=limit)
        if passes:
            assert steps.stage(job)["staged"] == staging
            assert finish(job).result["rejects"] == 3
        else:
            with pytest.raises(TerminalError, match=f"3 of 10 rows cannot be used, max_rejects is {limit};"):
                steps.stage(job)
            assert published(job) == []


@pytest.mark.parametrize(
    ("limit", "rows", "allowed"),
    [("1.4%", 5_500, 77), ("0.1%", 999, 0), ("0.1%", 1_000, 1), ("29%", 100, 29), ("100%", 7, 7), ("12", 1, 12)],
)
def test_a_share_is_exact(limit: str, rows: int, allowed: int) -> None:
    """Before, 1.4 % of 5,500 allowed 76 rows, since 5,500 times 1.4 is a little less than 7,700 in floating point."""
    assert allowed_rejects(limit, rows) == allowed


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("+1-1", "'+1-1"),
        ("-2+3+cmd|' /C calc'!A0", "'-2+3+cmd|' /C calc'!A0"),
        ("\t=1", "'\t=1"),
        ("\uff1d1", "'\uff1d1"),
        ("-1.5", "-1.5"),
        ("+1e5", "+1e5"),
        ("a\rb", "a\rb"),
        ('"', '"'),
        ("x\0y", "x␀y"),
    ],
)
def test_values_in_the_rejects_file(tmp_path: Path, value: str, shown: str) -> None:
    """A spreadsheet runs none of them, and none breaks the file, a CR without LF included."""
    cell = value.replace('"', '""')
    data = write_sources(tmp_path / "data", billing=billing(f'a,,,"{cell}",,,\nx,,"\0",1,,,\nc,,,,\n'))
    first, second, third = rejects_of(merge(data, tmp_path / "store", max_rejects="3"))
    assert (first["value"], first["reason"]) == (shown, NO_INT)
    assert (second["column"], second["reason"], third["record"]) == ("plan", "a NUL byte", "4")


@pytest.mark.parametrize("column", ["customer_id", "plan"])
def test_a_nul_byte(tmp_path: Path, column: str) -> None:
    """Before, a cell with a NUL alone was missing; now its row is a reject, and others count."""
    cells = {"customer_id": "b", column: "x\0"}
    data = write_sources(tmp_path / "data", billing=csv_text("billing", [row("a"), cells, {**cells, column: "\0"}]))
    merged = merge(data, tmp_path / "store", max_rejects="2")
    assert [(r["line"], r["column"], r["reason"]) for r in rejects_of(merged)] == [
        ("3", column, "a NUL byte"),
        ("4", column, "a NUL byte"),
    ]
    assert [profile["customer_id"] for profile in merged.profiles] == ["a"]


def test_an_id_that_is_too_long(tmp_path: Path) -> None:
    """Before, an id of 16,000 characters failed its shard; now its row is a reject, and 1,000 bytes are taken."""
    data = write_sources(tmp_path / "data", billing=[row("é" * 500), row("b" * 1_001), row("c" * 16_000)])
    merged = merge(data, tmp_path / "store", max_rejects="2")
    assert [(r["line"], r["column"], r["reason"]) for r in rejects_of(merged)] == [
        ("3", "customer_id", "longer than 1,000 bytes"),
        ("4", "customer_id", "longer than 1,000 bytes"),
    ]
    assert [profile["customer_id"] for profile in merged.profiles] == ["é" * 500]


@pytest.mark.parametrize(("bad", "value"), [("a,,,x,,,", "x"), ("b,,", "b,,")], ids=["cells", "rows"])
def test_far_more_rejects_than_allowed_end_the_staging_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bad: str, value: str
) -> None:
    """What is kept is bounded: the run fails with those found so far, each by its right line, and leaves no staging."""
    monkeypatch.setattr("shared.customers.stage.SPARE_REJECTS", 20)
    lines = [bad, "", "c,,,1,,,"] * 40
    data = write_sources(tmp_path / "data", billing=billing("\n".join(lines) + "\n"), support=[row("s", nps_score="x")])
    message = refused(data, tmp_path / "store", max_rejects="5")
    first, *shown = message.splitlines()
    assert first == "at least 26 of 81 rows cannot be used, max_rejects is 5; the first:"
    assert shown[5] == f"Many of them: {tmp_path}/store/runs/r/rejects.csv"
    text = (tmp_path / "store/runs/r/rejects.csv").read_text()
    told = list(csv.DictReader(text.splitlines()))
    assert [(r["source"], r["value"]) for r in told[24:]] == [("billing", value), ("support", "x")]
    assert [int(r["line"]) for r in told[:-1]] == [2 + 3 * number for number in range(25)]
    assert list((tmp_path / "store").rglob("staged.json")) == []


def test_a_stricter_start_of_a_run_is_held_to_its_own_limit(tmp_path: Path) -> None:
    """The limit may differ between starts of one run, and the later one counts."""
    data = write_sources(tmp_path / "data", billing=[row("a", mrr="x"), row("b")])
    steps.stage(opened(data, tmp_path / "store", max_rejects="1"))
    assert "1 of 2 rows cannot be used, max_rejects is 0" in refused(data, tmp_path / "store", max_rejects="0")
    assert finish(opened(data, tmp_path / "store", max_rejects="50%")).result["profiles_generated"] == 1


def test_a_finished_run_under_a_stricter_limit(tmp_path: Path) -> None:
    """Before, it failed without a word of the result that it had published; now the message says that it stays."""
    data = write_sources(tmp_path / "data", billing=[row("a", mrr="x"), row("b")])
    merged = merge(data, tmp_path / "store", max_rejects="1")
    before = published(merged.job)
    with pytest.raises(TerminalError, match="max_rejects is 0") as caught:
        steps.stage(opened(data, tmp_path / "store", max_rejects="0"))
    assert str(caught.value).endswith(
        "\nRun r has finished before, and its published result stays; "
        "for a result with other parameters, start a run with another run_id"
    )
    assert published(merged.job) == before


def test_a_rejected_row_counts_as_absent(tmp_path: Path) -> None:
    """The customer is built from the rows that remain, and counted once however many were lost."""
    data = write_sources(
        tmp_path / "data",
        crm=[row("a", industry="Retail"), row("a", industry="Finance", deal_value="x")],
        billing=[row("a ", mrr="x"), row("b", mrr="7")],
        product=[row("gone", usage_pct="900")],
    )
    merged = merge(data, tmp_path / "store", max_rejects="3")
    known = {p["customer_id"]: (p["industry"], p["mrr"]) for p in merged.profiles}
    assert known == {"a": ("Retail", None), "b": (None, 7)}
    counted = {key: merged.result[key] for key in ("rejects", "customers_with_rejects", "records_processed")}
    assert counted == {"rejects": 3, "customers_with_rejects": 1, "records_processed": 2}


def test_one_bad_row_in_a_hundred_thousand(tmp_path: Path) -> None:
    """One broken line in the middle of a long file is found by its number, and nothing is published."""
    generate(tmp_path, customers=100_000, seed=5, as_of=date(2026, 1, 31))
    lines = (tmp_path / "product.csv").read_bytes().splitlines(keepends=True)
    lines[50_000] = lines[50_000].replace(b",", b";", 1)
    (tmp_path / "product.csv").write_bytes(b"".join(lines))
    message = refused(tmp_path, tmp_path / "store")
    assert message.startswith(
        "1 of 400,000 rows cannot be used, max_rejects is 0; the first:\n  product.csv line 50001: '"
    )
    assert lines[50_000].decode().strip()[:70] in message
    assert folder_of(new_job(tmp_path, tmp_path / "store")).is_dir()
