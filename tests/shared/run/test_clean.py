"""Old runs, stagings and temporary files: found by age, removed as a whole."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from shared.run.clean import find_old, parse_age, remove
from shared.run.errors import TerminalError
from tests.data import row, write_sources
from tests.shared.runs import merge

if TYPE_CHECKING:
    from pathlib import Path

MONTH = timedelta(days=30)


def age(folder: Path, days: int) -> None:
    """Let all files of a folder be some days old."""
    then = (datetime.now(UTC) - timedelta(days=days)).timestamp()
    for path in folder.rglob("*"):
        os.utime(path, (then, then))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with an old and a new run over different data, and an old temporary file."""
    merge(write_sources(tmp_path / "old", crm=[row("a")]), tmp_path / "store", run_id="old")
    (tmp_path / "store" / "tmp" / "torn").write_bytes(b"half")
    age(tmp_path / "store", 40)
    merge(write_sources(tmp_path / "new", crm=[row("b")]), tmp_path / "store", run_id="new")
    return tmp_path / "store"


def test_what_is_old_is_found(store: Path) -> None:
    """Names are whole runs and stagings; those in which anything changed lately are not among them."""
    names = find_old(str(store), MONTH)
    assert [name.partition("/")[0] for name in names] == ["runs", "staged", "tmp"]
    assert {"runs/old", "tmp/torn"} < set(names)
    assert find_old(str(store), timedelta(days=41)) == []


def test_one_fresh_file_keeps_a_run(store: Path) -> None:
    """A run that was resumed yesterday is not old, however old its other files are."""
    (store / "runs" / "old" / "attempts" / "late.json").write_text("{}")
    assert "runs/old" not in find_old(str(store), MONTH)


def test_removing_takes_these_and_nothing_else(store: Path) -> None:
    """The old run, its staging and the temporary file go; the new run can still be read."""
    remove(str(store), find_old(str(store), MONTH))
    assert [path.name for path in (store / "runs").iterdir()] == ["new"]
    assert len(list((store / "staged").iterdir())) == 1
    assert list((store / "tmp").iterdir()) == []
    assert (store / "runs" / "new" / "result.json").is_file()


def test_an_empty_store_has_nothing_old(tmp_path: Path) -> None:
    """A store nobody has written to is no error."""
    assert find_old(str(tmp_path / "nothing"), timedelta(0)) == []


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("30d", timedelta(days=30)), ("12h", timedelta(hours=12)), ("15m", timedelta(minutes=15)), ("0d", timedelta(0))],
)
def test_an_age_is_read(text: str, wanted: timedelta) -> None:
    """Days, hours and minutes."""
    assert parse_age(text) == wanted


@pytest.mark.parametrize("text", ["", "30", "d", "-1d", "1.5d", "30 d", "1w", "30d "])
def test_another_age_is_refused(text: str) -> None:
    """The message has the value and examples."""
    with pytest.raises(TerminalError, match=f"^the age is '{text}'; it must be like 30d, 12h or 15m$"):
        parse_age(text)
