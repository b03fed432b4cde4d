"""What other programs put into a store's folders is ignored if Shardwise did not write it and it is not in the way."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from shared.run import steps
from shared.run.clean import find_old, remove
from shared.run.ledger import claimed, read_attempts, record_worker_death
from shared.run.listing import list_runs
from shared.run.run import Run
from shared.run.store import open_store
from tests.data import row, write_sources
from tests.shared.runs import finish, folder_of, merge, new_job, opened, staged

if TYPE_CHECKING:
    from pathlib import Path

    from shared.run.job import Job

NAMES = [
    ".DS_Store",
    "._shard-001.json",
    "._stage.invocation-1.attempt-1.json",
    ".nfs0000000000000001",
    "README",
    "shard-001.json~",
    "shard-1.json",
    "shard-0001.json",
    "shard-999.json",
    "shard-001 (1).json",
    "1 (1).json",
    "01.json",
    "x.json",
    b"caf\xe9.json".decode(errors="surrogateescape"),
]
FOLDERS = [
    "",
    "staged",
    "runs",
    "runs/r",
    *(f"runs/r/{name}" for name in ("invocations", "attempts", "parts", "manifests")),
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three customers."""
    return write_sources(tmp_path / "data", crm=[row(each) for each in "abc"])


def litter(store: Path) -> None:
    """Put every foreign name into every folder of a run."""
    for folder in FOLDERS:
        for name in NAMES:
            (store / folder).mkdir(parents=True, exist_ok=True)
            (store / folder / name).write_bytes(b"")
    (store / "runs" / "r" / "manifests" / "shard-001.json.d").mkdir()


def test_a_run_is_resumed_among_foreign_files(data: Path, tmp_path: Path) -> None:
    """Before, one .DS_Store ended resume, aggregation and the list of runs with ``invalid literal for int()``."""
    wanted = merge(data, tmp_path / "other").parts
    steps.process_shard(staged(data, tmp_path / "store"), 0)
    litter(tmp_path / "store")
    again = opened(data, tmp_path / "store")
    assert steps.stage(again)["remaining_shards"] == [1, 2]
    assert finish(again).parts == wanted
    (listed,) = list_runs(open_store(str(tmp_path / "store")))
    assert (listed.run_id, listed.state, listed.committed, listed.starts) == ("r", "finished", 3, 2)


def test_the_ledger_among_foreign_files(data: Path, tmp_path: Path) -> None:
    """Attempts are read, counted and ended as without them, also where a power cut left a record empty."""
    job = staged(data, tmp_path / "store")
    steps.process_shard(job, 0)
    litter(tmp_path / "store")
    for name in ("shard-001.invocation-1.attempt-1.json", "shard-000.invocation-1.attempt-1.end.json"):
        (folder_of(job) / "attempts" / name).write_bytes(b"")
    store = open_store(job.store_url)
    assert [(entry["step"], entry["end"] is None) for entry in read_attempts(store, "r")] == [
        ("stage", False),
        ("shard-000", True),
    ]
    assert (claimed(job, "shard-000"), claimed(job, "shard-001"), claimed(job, "shard-002")) == (1, 1, 0)
    record_worker_death(job, "shard-001", "killed by signal 9")
    assert steps.process_shard(job, 1)["attempt"] == 2


def leave(job: Job, *names: str) -> None:
    """Put files of these names into a run's folder and the folders in it."""
    for folder in ("", "manifests", "parts", "attempts"):
        for name in names:
            (folder_of(job) / folder / name).write_bytes(b"")


def test_an_old_run_is_removed_with_what_systems_leave_in_folders(data: Path, tmp_path: Path) -> None:
    """Before, a .DS_Store kept a run for ever. A file that a person may have put there still does."""
    for run_id in ("one", "two"):
        merge(data, tmp_path / "store", run_id=run_id)
        leave(Run.of(new_job(data, tmp_path / "store", run_id=run_id)).job, ".DS_Store", "._x", ".nfs00ab", "Thumbs.db")
    leave(new_job(data, tmp_path / "store", run_id="two"), "notes.txt")
    now = timedelta(0)
    old = find_old(str(tmp_path / "store"), now)
    assert [name for name in old if name.startswith("runs/")] == ["runs/one"]
    assert remove(str(tmp_path / "store"), old, now) == []
    assert [path.name for path in (tmp_path / "store" / "runs").iterdir()] == ["two"]
