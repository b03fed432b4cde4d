"""What the merge's databases must not do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import psutil

from shared.customers.connection import connect

if TYPE_CHECKING:
    import pytest

SHARED = Path(__file__).resolve().parents[3] / "shared"
SLOW = "select sum(md5_number(i::varchar) % 7) from range(200_000) t(i)"


def test_no_progress_is_printed_among_the_result(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Before, DuckDB's progress bar came into the output of ``--json`` after two seconds; here it comes at once."""
    genuine = duckdb.connect

    def impatient(*arguments: object, **options: object) -> duckdb.DuckDBPyConnection:
        connection = genuine(*arguments, **options)  # type: ignore[arg-type]
        connection.execute("set progress_bar_time = 1")  # milliseconds; this turns the bar on
        return connection

    impatient().sql(SLOW).fetchall()
    assert "%" in capfd.readouterr().out
    monkeypatch.setattr(duckdb, "connect", impatient)
    connect(memory_limit="100MB").sql(SLOW).fetchall()
    assert capfd.readouterr() == ("", "")


def test_all_databases_are_opened_alike() -> None:
    """Nothing of the merge opens a database of its own, which would print."""
    opening = {path.name for path in SHARED.rglob("*.py") if "duckdb.connect(" in path.read_text(encoding="utf-8")}
    assert opening == {"connection.py"}


def test_opening_starts_no_threads() -> None:
    """By itself, DuckDB starts eight to read ahead."""
    before = psutil.Process().num_threads()
    database = connect()
    assert psutil.Process().num_threads() <= before
    database.close()
