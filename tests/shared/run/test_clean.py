"""Old runs, stagings and temporary files: found by age, removed as a whole."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from shared.run import steps
from shared.run.clean import find_old, parse_age, remove
from shared.run.errors import TerminalError
from shared.run.marker import MARKER
from tests.data import row, write_sources
from tests.shared.runs import finish, merge, staged

if TYPE_CHECKING:
    from pathlib import Path

MONTH = timedelta(days=30)
TORN = "shardwise-scratch-elsewhere-x"  # what a killed process of another machine left


def age(folder: Path, days: int) -> None:
    """Let all files of a folder be some days old."""
    then = (datetime.now(UTC) - timedelta(days=days)).timestamp()
    for path in folder.rglob("*"):
        os.utime(path, (then, then))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with an old and a new run over different data, and an old temporary file."""
    merge(write_sources(tmp_path / "old", crm=[row("a")]), tmp_path / "store", run_id="old")
    (tmp_path / "store" / "tmp" / TORN).mkdir()
    (tmp_path / "store" / "tmp" / TORN / "shard-000.parquet").write_bytes(b"half")
    age(tmp_path / "store", 40)
    merge(write_sources(tmp_path / "new", crm=[row("b")]), tmp_path / "store", run_id="new")
    return tmp_path / "store"


def test_what_is_old_is_found(store: Path) -> None:
    """Names are whole runs and stagings; those in which anything changed lately are not among them."""
    names = find_old(str(store), MONTH)
    assert [name.partition("/")[0] for name in names] == ["runs", "staged", "tmp"]
    assert {"runs/old", f"tmp/{TORN}"} < set(names)
    assert find_old(str(store), timedelta(days=41)) == []


def test_one_fresh_file_keeps_a_run(store: Path) -> None:
    """A run that was resumed yesterday is not old, however old its other files are."""
    (store / "runs" / "old" / "attempts" / "late.json").write_text("{}")
    assert "runs/old" not in find_old(str(store), MONTH)


def test_removing_takes_these_and_nothing_else(store: Path) -> None:
    """The old run, its staging and the temporary file go; the new run can still be read."""
    assert remove(str(store), find_old(str(store), MONTH), MONTH) == []
    assert [path.name for path in (store / "runs").iterdir()] == ["new"]
    assert len(list((store / "staged").iterdir())) == 1
    assert list((store / "tmp").iterdir()) == []
    assert (store / "runs" / "new" / "result.json").is_file()


@pytest.mark.parametrize(
    "file",
    [
        "tmp/photos/a.jpg",
        "tmp/notes",
        "staged/mine/a.parquet",
        "runs/marathon/2026.csv",
        "runs/marathon/manifests/list.json",
        "runs/old/photos/a.jpg",
        "parity/mine/a",
        "generated/mine/a",
        "photos/a.jpg",
    ],
)
def test_what_is_not_ours_stays(store: Path, file: str) -> None:
    """A name that we do not give is never removed, nor is a run in which there is one."""
    (store / file).parent.mkdir(parents=True, exist_ok=True)
    (store / file).touch()
    age(store, 40)
    remove(str(store), find_old(str(store), MONTH), MONTH)
    assert (store / file).is_file()
    assert (store / "runs" / "old").exists() == file.startswith("runs/old")


def test_a_parity_check_goes_with_both_copies(tmp_path: Path) -> None:
    """The two stores of an old parity check are removed as one; a younger one stays."""
    for check in ("11111111-2222-3333-4444-555555555555", "99999999-2222-3333-4444-555555555555"):
        for side in ("prefect", "render"):
            data = write_sources(tmp_path / "data", crm=[row("a")])
            merge(data, tmp_path / "store" / "parity" / check / side, run_id=side)
    merge(data, tmp_path / "store", run_id="r")
    age(tmp_path / "store" / "parity" / check, 40)
    assert find_old(str(tmp_path / "store"), MONTH) == [f"parity/{check}"]
    remove(str(tmp_path / "store"), [f"parity/{check}"], MONTH)
    assert len(list((tmp_path / "store" / "parity").iterdir())) == 1


def test_a_reused_staging_is_as_young_as_its_use(store: Path, tmp_path: Path) -> None:
    """A staging of long ago that a run has taken again stays."""
    merge(tmp_path / "old", store, run_id="again")
    names = find_old(str(store), MONTH)
    assert [name for name in names if name.startswith(("staged/", "runs/"))] == ["runs/old"]


def test_the_staging_of_a_run_at_work_stays(tmp_path: Path) -> None:
    """However long ago it was made: its run has changed since and is not finished."""
    job = staged(write_sources(tmp_path / "data", crm=[row("a")]), tmp_path / "store")
    age(tmp_path / "store", 40)
    steps.process_shard(job, 0)
    assert find_old(str(tmp_path / "store"), MONTH) == []
    finish(job)
    assert [name.partition("/")[0] for name in find_old(str(tmp_path / "store"), MONTH)] == ["staged"]


def test_what_is_used_meanwhile_stays(store: Path, tmp_path: Path) -> None:
    """A run may use a staging between the search and the removal: it is reported and kept."""
    names = find_old(str(store), MONTH)
    merge(tmp_path / "old", store, run_id="again")
    (kept,) = remove(str(store), names, MONTH)
    assert kept.startswith("staged/")
    assert (store / kept / "staged.json").is_file()
    assert not (store / "runs" / "old").exists()


def test_a_folder_that_is_no_store(tmp_path: Path) -> None:
    """Whatever its names look like: without the marker nothing is listed."""
    (tmp_path / "runs" / "r").mkdir(parents=True)
    (tmp_path / "runs" / "r" / "job.json").touch()
    with pytest.raises(TerminalError, match=rf"^{tmp_path} has no file {MARKER}, so it is not a store, "):
        find_old(str(tmp_path), timedelta(0))


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
