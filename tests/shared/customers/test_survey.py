"""What a file holds is found without DuckDB: records, how they end, which are broken; DuckDB's rows are counted."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from shared.customers import lines, scan, stage
from shared.customers.broken import BEHIND_QUOTE, NOT_UTF8, TOO_FEW, TOO_LONG, TOO_MANY, TORN, Layout
from shared.customers.lines import LONGEST_RECORD, BrokenCsvError
from shared.customers.survey import Survey, survey
from tests.data import COLUMNS, csv_text, row, write_sources
from tests.shared.runs import merge, refused

if TYPE_CHECKING:
    from pathlib import Path

BOM = b"\xef\xbb\xbf"
ROWS = [row(f"c{number}", industry="Retail") for number in range(30)]


@pytest.mark.parametrize("inner", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize(("bom", "before"), [(b"", 0), (BOM, 1)], ids=["", "BOM"])
def test_a_line_break_in_the_header(tmp_path: Path, inner: str, newline: str, bom: bytes, before: int) -> None:
    """Before, a whole source was lost where the header had a line break of another kind than the rows, as of Excel."""
    text = csv_text("crm", ROWS, columns=[*COLUMNS["crm"][:before], "@", *COLUMNS["crm"][before:]], newline=newline)
    content = bom + text.replace("@", f'"my{inner}notes"', 1).encode()
    merged = merge(write_sources(tmp_path / "data", crm=content), tmp_path / "store")
    assert merged.result["records_processed"] == merged.result["profiles_generated"] == 30
    assert {profile["industry"] for profile in merged.profiles} == {"Retail"}


def test_a_line_break_in_the_first_name_behind_a_byte_order_mark(tmp_path: Path) -> None:
    """There DuckDB takes the end of the name for a row; the header is refused before anything is read."""
    text = csv_text("crm", ROWS, columns=["@", *COLUMNS["crm"]]).replace("@", '"my\nnotes"', 1)
    data = write_sources(tmp_path / "data", crm=BOM + text.encode())
    assert refused(data, tmp_path / "store") == (
        f"crm.csv in {data} begins with a byte order mark and a name with a line break, 'my\\nnotes'; "
        "remove the line break"
    )


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", (0, b"\n", False)),
        (b"a,b", (0, b"\n", False)),
        (b"a,b\r\n", (0, b"\r\n", False)),
        (b"a,b\r1,2", (1, b"\r", False)),
        (b'a,"b\n"\r\n\r\n1,2\r\n\r\n', (1, b"\r\n", False)),
        (b"a,b\n , \n,\0\n", (2, b"\n", True)),
        (b'a,b\n1,6" pipe\n2,"x ""y"""\n', (2, b"\n", False)),
    ],
)
def test_what_a_file_holds(content: bytes, found: tuple[int, bytes, bool]) -> None:
    """Records behind the header, what ends the header, and whether there is a NUL byte; blank lines are not records."""
    survey = surveyed(content, 2)
    assert (survey.records, survey.newline, survey.nul, len(survey.broken)) == (*found, 0)


def surveyed(content: bytes, fields: int, at_most: int = 1_000) -> Survey:
    """The survey of a file of which every field is read."""
    return survey(io.BytesIO(content), Layout(fields, range(fields)), at_most)


HEAD = b"a,b,c\n"
BROKEN_ROWS: dict[str, tuple[bytes, str]] = {
    "too few": (b"1,2", TOO_FEW),
    "one": (b"1", TOO_FEW),
    "too many": (b"1,2,3,", TOO_MANY),
    "text behind a quote": (b'1,"2"x,3', BEHIND_QUOTE),
    "text behind an empty cell": (b'1,""x,3', BEHIND_QUOTE),
    "text behind a quote and spaces": (b'1,"2"  x,3', BEHIND_QUOTE),
    "a comma is missing before a quoted one": (b'1,2"3, 4"', TORN),
    "the same behind a quoted cell": (b'"1,1",2"3, 4"', TORN),
    "the same, with escaped quotes": (b'1,2"""3, 4"""', TORN),
    "not UTF-8": (b"1,\xe9,3", NOT_UTF8),
    "not UTF-8 behind a quoted comma": (b'"1,1","\xe9",3', NOT_UTF8),
    "too long": (b"1,2," + b"x" * LONGEST_RECORD, TOO_LONG),
    "too long, of several lines": (b'1,2,"' + b"x\n" * (LONGEST_RECORD // 2) + b'"', TOO_LONG),
    "not UTF-8, then too many": (b"1,\xe9,3,4", NOT_UTF8),
    "too many, then not UTF-8": (b"1,2,3,\xe9", TOO_MANY),
    "too many, then text behind a quote": (b'1,2,3,4,"5"x', TOO_MANY),
    "text behind a quote, then too few": (b'"1"x,2', BEHIND_QUOTE),
    "torn before text behind a quote": (b'1"2,3"4,"5"x', TORN),
}


@pytest.mark.parametrize("size", [3, 64, 1 << 20])
@pytest.mark.parametrize(("row", "reason"), BROKEN_ROWS.values(), ids=BROKEN_ROWS.keys())
def test_broken_records(monkeypatch: pytest.MonkeyPatch, row: bytes, reason: str, size: int) -> None:
    """Each is found with its number, line, bytes, text and reason, wherever the file is cut to be looked at."""
    if len(row) > 1_000:
        size = 1 << 20
    monkeypatch.setattr(lines, "CHUNK", size)
    good = b'1,2,3\n"1",", ""x""\ny",\n\n'
    content = HEAD + good + row + b"\n" + good + row
    found = surveyed(content, 3)
    first, second = found.broken.to_pylist()
    assert found.records == 6
    assert (first["record"], first["line"], first["reason"]) == (4, 6, reason)
    assert (second["record"], second["line"], second["reason"]) == (7, 11 + row.count(b"\n"), reason)
    for each in (first, second):
        assert content[each["start"] : each["stop"]].rstrip(b"\n") == row
        assert each["value"] == row.decode(errors="replace")[:200]


@pytest.mark.parametrize(
    "row",
    [
        b'6" pipe,x,8" pipe',
        b'6" x 8",9" x 12",',
        b'"6"" pipe","8"" pipe",',
        b'"a, ""b",c"d, "e"',
        b'  "a,b,c',
        b'"\xc3\xa9,\n",, "2" ',
    ],
)
def test_records_with_quotes_that_are_not_broken(row: bytes) -> None:
    """Quotes are text in a cell that has none at its start, unless two adjacent ones have an odd number of them."""
    assert len(surveyed(HEAD + b"1,2,3\n" + row + b"\n", 3).broken) == 0


@pytest.mark.parametrize("field", [0, 2])
def test_what_nobody_reads_may_hold_any_bytes(field: int) -> None:
    """A cell that is not UTF-8 costs its row only where its column is read."""
    content = HEAD + b"1,\xe9,3\n"
    assert len(survey(io.BytesIO(content), Layout(3, {field}), 9).broken) == 0
    assert len(survey(io.BytesIO(content), Layout(3, {field, 1}), 9).broken) == 1


def test_of_many_broken_records_some_are_kept() -> None:
    """The records are counted to the end of the file, and ``complete`` is false."""
    content = HEAD + b"1,2\n" * 100 + b"1,2,3\n"
    found = [surveyed(content, 3, at_most) for at_most in (10, 100, 101)]
    assert [len(each.broken) for each in found] == [10, 100, 100]
    assert [each.complete for each in found] == [False, False, True]
    assert {each.records for each in found} == {101}


@pytest.mark.parametrize("header", [b'a,"b"x,c', b'a"b,c"d,e'])
def test_a_header_with_broken_quotes(header: bytes) -> None:
    """No row counts without a header."""
    with pytest.raises(BrokenCsvError, match=r"^the header cannot be read: broken quoting"):
        surveyed(header + b"\n1,2,3\n", 3)


@pytest.mark.parametrize(
    ("lie", "told"),
    [
        ("(select * exclude file_row, file_row from {} where file_row <> 7)", "30 records, of which 29 were read"),
        ("(select * from {} union all select * from {} where file_row = 7)", "30 records, of which 31 were read"),
    ],
    ids=["lost", "made up"],
)
def test_a_reader_that_loses_or_makes_up_rows_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lie: str, told: str
) -> None:
    """Whatever DuckDB does in silence: rows read and rejected are as many as there are records, or the run ends."""
    honest = scan.table_sql

    def lying(parts: list[scan.Part]) -> str:
        query = honest(parts)
        return lie.format(query, query) if parts[0].file.name == "crm.csv" else query

    data = write_sources(tmp_path / "data", crm=ROWS)
    monkeypatch.setattr(stage, "table_sql", lying)
    message = refused(data, tmp_path / "store", max_rejects="100%")
    assert message == (
        f"crm.csv in {data} cannot be read as CSV: it has {told} and 0 rejected; save it again as plain CSV, with "
        "quotes around each value that has quotes, commas or line breaks"
    )


@pytest.mark.parametrize("cell", ['"x" "y"', '"x"  "y"', '"a ""b"" c" "y"'])
def test_a_quoted_text_behind_another(tmp_path: Path, cell: str) -> None:
    """DuckDB takes two quoted texts in one cell for one value; here the file is refused with the line."""
    data = write_sources(tmp_path / "data", billing=csv_text("billing", [row("a")]) + f"b,{cell},,,,,\n")
    message = refused(data, tmp_path / "store", max_rejects="100%")
    assert "line 3 has quoted text after quoted text in one cell; close the quote, or double it" in message
