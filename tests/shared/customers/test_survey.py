"""Records are counted apart from DuckDB, and its rows held against the count."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from shared.customers import scan
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
        f"crm.csv in {data} begins with a byte order mark and a name with a line break, 'my\\nnotes', "
        "which cannot be told apart; take the line break out"
    )


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", Survey(0, b"\n")),
        (b"a,b", Survey(0, b"\n")),
        (b"a,b\r\n", Survey(0, b"\r\n")),
        (b"a,b\r1,2", Survey(1, b"\r")),
        (b'a,"b\n"\r\n\r\n1,2\r\n\r\n', Survey(1, b"\r\n")),
        (b"a,b\n \n,\0\n", Survey(2, b"\n", nul=True)),
        (b'a,b\n1,6" pipe\n2,"x"y\n3,"open', Survey(3, b"\n", open_quote=True)),
    ],
)
def test_what_a_file_holds(content: bytes, found: Survey) -> None:
    """Records behind the header, and what ends the header; blank lines are none."""
    assert survey(io.BytesIO(content), 2) == found


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
    honest = scan._sql

    def lying(path: str, names: list[str], found: Survey, at_most: int) -> str:
        query = honest(path, names, found, at_most)
        return lie.format(query, query) if "crm" in path else query

    data = write_sources(tmp_path / "data", crm=ROWS)
    monkeypatch.setattr(scan, "_sql", lying)
    message = refused(data, tmp_path / "store", max_rejects="100%")
    assert message == (
        f"crm.csv in {data} has {told} and 0 rejected; save it again as plain CSV, with quotes around each value that "
        "has quotes, commas or line breaks"
    )


def test_rows_lost_beside_rejects_point_at_these(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DuckDB loses rows of large files of which many cannot be read: those are what to mend."""
    honest = scan._sql
    monkeypatch.setattr(scan, "_sql", lambda *given: f"(select * from {honest(*given)} where file_row <> 7)")
    data = write_sources(tmp_path / "data", crm=[*ROWS, row("c30", employee_count="many")])
    message = refused(data, tmp_path / "store", max_rejects="100%")
    assert "31 records, of which 29 were read and 1 rejected, the first near line 32 (not a whole number)" in message
    assert "rows are lost beside so many that cannot be read: mend those, or save it again" in message


@pytest.mark.parametrize("cell", ['"x" "y"', '"x"  "y"', '"a ""b"" c" "y"'])
def test_a_quoted_text_behind_another(tmp_path: Path, cell: str) -> None:
    """DuckDB takes two quoted texts in one cell for one value; here the file is refused with the line."""
    data = write_sources(tmp_path / "data", billing=csv_text("billing", [row("a")]) + f"b,{cell},,,,,\n")
    message = refused(data, tmp_path / "store", max_rejects="100%")
    assert "line 3 has a quoted text behind another in one cell; close it, or write it twice" in message
