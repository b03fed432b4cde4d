"""Sources that cannot be staged at all: one message names the file and what is wrong, before any shard starts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from shared.customers.source_files import SourceFiles
from shared.run.errors import TerminalError, TransientError
from tests.data import COLUMNS, csv_text, row, write_sources
from tests.prefect_server import free_port
from tests.shared.runs import merge, new_job, published, refused

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.servers

SOURCES = sorted(COLUMNS)


@pytest.mark.parametrize("source", SOURCES)
def test_a_missing_file(tmp_path: Path, source: str) -> None:
    """The message names the missing file, the folder, all files wanted, and how to name another folder."""
    data = write_sources(tmp_path / "data")
    (data / f"{source}.csv").unlink()
    message = refused(data, tmp_path / "store")
    assert message.startswith(f"{source}.csv is missing in {data}; ")
    assert "crm.csv, billing.csv, product.csv, support.csv" in message
    assert "--data" in message
    assert "SHARDWISE_DATA_URL" in message


def test_a_missing_folder(tmp_path: Path) -> None:
    """A data folder that does not exist is reported like a missing file."""
    assert f"crm.csv is missing in {tmp_path}/nowhere" in refused(tmp_path / "nowhere", tmp_path / "store")


@pytest.mark.parametrize("source", SOURCES)
def test_an_empty_file(tmp_path: Path, source: str) -> None:
    """A file without a byte is an error that lists the columns its header must have."""
    message = refused(write_sources(tmp_path / "data", **{source: ""}), tmp_path / "store")
    assert message.startswith(f"{source}.csv in {tmp_path}/data is empty; ")
    assert ", ".join(COLUMNS[source]) in message


@pytest.mark.parametrize(
    "content", ["\n", "\r\n", "\n" + csv_text("crm", [row("a")]), b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"]
)
def test_a_file_without_a_header(tmp_path: Path, content: str) -> None:
    """A first line without text is not a header, whatever follows it."""
    message = refused(write_sources(tmp_path / "data", crm=content), tmp_path / "store")
    assert message.startswith(f"crm.csv in {tmp_path}/data lacks the column {', '.join(COLUMNS['crm'])}; ")
    assert f"found: no header; wanted: {', '.join(COLUMNS['crm'])}" in message


def test_data_in_place_of_a_header(tmp_path: Path) -> None:
    """For a file without a header, the message shows the columns found."""
    message = refused(write_sources(tmp_path / "data", crm="a,b\n"), tmp_path / "store")
    assert "found: a, b; wanted: customer_id, email" in message


@pytest.mark.parametrize("source", SOURCES)
def test_a_lacking_column(tmp_path: Path, source: str) -> None:
    """The message names the column that is not there, those that were found and those that are wanted."""
    *found, lacking = COLUMNS[source]
    data = write_sources(tmp_path / "data", **{source: csv_text(source, [row("a")], columns=found)})
    message = refused(data, tmp_path / "store")
    assert message == (
        f"{source}.csv in {data} lacks the column {lacking}; "
        f"found: {', '.join(found)}; wanted: {', '.join(COLUMNS[source])}"
    )


def test_a_column_twice(tmp_path: Path) -> None:
    """Two columns of one name are an error: nobody can tell which counts."""
    header = [*COLUMNS["billing"], "plan", "note", "note"]
    message = refused(write_sources(tmp_path / "data", billing=",".join(header) + "\n"), tmp_path / "store")
    assert message == f"billing.csv in {tmp_path}/data has the column note, plan more than once"


def test_a_header_that_is_not_utf_8(tmp_path: Path) -> None:
    """The message says what to save the file as."""
    data = write_sources(tmp_path / "data", crm=b"\xff" + csv_text("crm", []).encode())
    assert refused(data, tmp_path / "store") == f"crm.csv in {data}: the header is not UTF-8; save the file as UTF-8"


@pytest.mark.parametrize("name", ['""plan', '"plan"x', '"plan'])
def test_a_header_with_broken_quotes(tmp_path: Path, name: str) -> None:
    """Before, ``""plan`` was accepted as a name, and DuckDB lost every row after it."""
    content = csv_text("billing", [row("a")]).replace("plan", name, 1)
    message = refused(write_sources(tmp_path / "data", billing=content), tmp_path / "store")
    assert message.startswith(f"billing.csv in {tmp_path}/data: the header cannot be read: ")


@pytest.mark.parametrize("url", ["nonsense://bucket/data", "s3x://b"])
def test_a_url_nobody_can_open(tmp_path: Path, url: str) -> None:
    """An unknown kind of URL is bad input, named with the URL."""
    with pytest.raises(TerminalError, match=f"the data folder {url} cannot be opened"):
        SourceFiles.at(url)
    assert not (tmp_path / "store").exists()


def test_all_problems_are_told_before_a_run_is_written_down(tmp_path: Path) -> None:
    """A missing file leaves no trace of a run: fixed sources may use the same run_id."""
    data = write_sources(tmp_path / "data", crm=[row("a")])
    (data / "billing.csv").rename(data / "elsewhere.csv")
    refused(data, tmp_path / "store")
    assert not (tmp_path / "store" / "runs").exists()
    (data / "elsewhere.csv").rename(data / "billing.csv")
    assert merge(data, tmp_path / "store").result["profiles_generated"] == 1
    assert published(new_job(data, tmp_path / "store")) != []


def test_check_refuses_what_staging_would_refuse(tmp_path: Path) -> None:
    """A bad header is reported before anything is started, including a store."""
    with pytest.raises(TerminalError, match=r"crm\.csv in .* lacks the column"):
        SourceFiles.at(str(write_sources(tmp_path, crm="a\n"))).check()


def test_unknown_columns_are_ignored_and_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Columns that nothing reads change nothing, wherever they are, and one line of the log names them."""
    plain = merge(
        write_sources(tmp_path / "plain", crm=[row("a", industry="Retail")]), tmp_path / "store", run_id="plain"
    )
    columns = ["note", *COLUMNS["crm"][:3], "ignored 0", *COLUMNS["crm"][3:], "Email"]
    text = csv_text("crm", [row("a", industry="Retail", note="x", Email="y")], columns=columns)
    caplog.clear()
    extra = merge(write_sources(tmp_path / "extra", crm=text), tmp_path / "store", run_id="extra")
    assert extra.profiles == plain.profiles
    assert [r.getMessage() for r in caplog.records if "ignored" in r.getMessage()] == [
        "crm.csv: columns that nothing reads are ignored: note, ignored 0, Email"
    ]


def test_columns_may_come_in_any_order_with_space_around(tmp_path: Path) -> None:
    """A column is found by its name, and a blank beside the name does not hide it."""
    columns = [f" {name}" for name in reversed(COLUMNS["billing"])]
    text = ",".join(columns) + "\n2026-01-31,2024-02-29,Active,12,Starter,a@example.com,a\n"
    (profile,) = merge(write_sources(tmp_path / "data", billing=text), tmp_path / "store").profiles
    assert (profile["customer_id"], profile["plan"], profile["mrr"], profile["last_payment"]) == (
        "a",
        "Starter",
        12,
        "2026-01-31",
    )


@pytest.mark.parametrize("folder", ["a[1]", "b*", "c?", "d'e", 'f"g', "h i", "é", "{j}"])
def test_a_data_folder_may_have_any_name(tmp_path: Path, folder: str) -> None:
    """Characters that mean something to a shell, to SQL or to DuckDB are part of a name like others."""
    data = write_sources(tmp_path / folder, crm=[row("a")])
    for other in ("a1", "b1", "c1"):
        write_sources(tmp_path / other, crm=[row("of another folder")])
    (profile,) = merge(data, tmp_path / "store").profiles
    assert profile["customer_id"] == "a"


def test_the_digest_is_of_the_bytes(tmp_path: Path) -> None:
    """Copies of the same bytes elsewhere have the same digest, a changed byte another; time stamps do not matter."""

    def digest(folder: str, industry: str) -> str:
        inputs = SourceFiles.at(str(write_sources(tmp_path / folder, crm=[row("a", industry=industry)])))
        return inputs.digest(inputs.versions())

    first = digest("one", "Retail")
    os.utime(tmp_path / "one" / "crm.csv", (1, 1))
    assert digest("two", "Retail") == first
    assert digest("three", "Retaik") != first


def test_the_same_bytes_in_another_file_are_other_input(tmp_path: Path) -> None:
    """The digest tells which source has which bytes."""
    header = ",".join(dict.fromkeys(name for columns in COLUMNS.values() for name in columns)) + "\n"
    one = SourceFiles.at(str(write_sources(tmp_path / "one", crm=header + "a" + "," * 26 + "\n", billing=header)))
    two = SourceFiles.at(str(write_sources(tmp_path / "two", billing=header + "a" + "," * 26 + "\n", crm=header)))
    assert one.digest(one.versions()) != two.digest(two.versions())


@pytest.mark.parametrize("folder", ["plan=free", "email=x", "mrr=hello", "customer_id=7", "filename=x", "year=2026"])
def test_the_name_of_the_data_folder_is_no_data(tmp_path: Path, folder: str) -> None:
    """Before, a folder ``plan=free`` gave every customer that plan, and ``mrr=hello`` rejected all of billing."""
    rows = [row("a", email="a@example.com", plan="Starter", mrr="5"), row("b", plan="Basic")]
    merged = merge(write_sources(tmp_path / folder / "year=2026", billing=rows), tmp_path / "store")
    assert [(p["customer_id"], p["email"], p["plan"], p["mrr"]) for p in merged.profiles] == [
        ("a", "a@example.com", "Starter", 5),
        ("b", None, "Basic", None),
    ]


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    """``--data file.csv`` is reported as a file."""
    file = write_sources(tmp_path) / "crm.csv"
    message = refused(file, tmp_path / "store")
    assert message.startswith(f"the data folder {file} is a file; a data folder has crm.csv, billing.csv, ")


def test_a_folder_in_place_of_a_file(tmp_path: Path) -> None:
    """A folder of a source's name is not a source."""
    data = write_sources(tmp_path / "data")
    (data / "crm.csv").unlink()
    (data / "crm.csv").mkdir()
    assert refused(data, tmp_path / "store") == f"crm.csv in {data} cannot be read: Is a directory"


def test_a_server_that_does_not_answer() -> None:
    """A refused connection is worth another attempt, and no missing file."""
    url = f"http://127.0.0.1:{free_port()}/data"
    with pytest.raises(TransientError, match=rf"^crm\.csv in {url} cannot be reached: ClientConnectorError: "):
        SourceFiles.at(url).check()


def test_data_in_memory() -> None:
    """What one process has in memory, its workers do not."""
    with pytest.raises(
        TerminalError, match=r"^the data folder memory://x is in the memory of one process, which workers"
    ):
        SourceFiles.at("memory://x")
