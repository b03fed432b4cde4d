"""A commit is all or nothing, and the first one counts: crashes, twins, resume."""

from __future__ import annotations

import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from shared.faults.plan import Fault
from shared.run import steps
from shared.run.errors import TerminalError, TransientError
from shared.run.ledger import read_attempts
from shared.run.run import Run
from tests.shared.attempting import attempt_alone, attempting
from tests.shared.runs import Json, finish, folder_of, merge, opened, published, read_json, staged

if TYPE_CHECKING:
    from pathlib import Path

KILLED = -signal.SIGKILL


def attempts_at(job: Json, shard: int) -> list[tuple[int, int, str | None]]:
    """The ledger of a shard: invocation, attempt and outcome, None for an attempt without an end."""
    return [
        (entry["invocation"], entry["attempt"], entry["end"] and entry["end"]["outcome"])
        for entry in read_attempts(Run.of(job).store, job["run_id"])
        if entry["step"] == f"shard-{shard:03}"
    ]


def stamp(path: Path) -> tuple[int, int]:
    """What tells whether a file was written again."""
    return path.stat().st_ino, path.stat().st_mtime_ns


@pytest.mark.parametrize("kind", ["kill", "torn_write"])
def test_a_crash_before_the_rename_leaves_nothing(
    data: Path, tmp_path: Path, wanted: dict[str, bytes], kind: str
) -> None:
    """Killed with its profiles written but not yet named, an attempt has published nothing; the next one does."""
    job = staged(data, tmp_path / "store", faults=(Fault(kind, step="shard-001"),))
    assert attempt_alone(job, 1) == (KILLED, None)
    assert published(job) == []
    assert Run.of(job).committed() == set()
    assert attempts_at(job, 1) == [(1, 1, None)]
    status, result = attempt_alone(job, 1)
    assert (status, result["attempt"]) == (0, 2)
    assert finish(job).parts == wanted
    assert attempts_at(job, 1)[1:] == [(1, 2, "committed"), (1, 3, "already_committed")]


def test_a_torn_write_leaves_its_file_outside_the_profiles(data: Path, tmp_path: Path) -> None:
    """What was written before the kill stays among the temporary files, for ``clean``, and is never read."""
    job = staged(data, tmp_path / "store", faults=(Fault("torn_write", step="shard-000"),))
    attempt_alone(job, 0)
    (torn,) = (tmp_path / "store" / "tmp").glob("*/shard-000.*.parquet")
    assert torn.read_bytes()[:4] == b"PAR1"
    assert merge(data, tmp_path / "store", run_id="other").result["profiles_generated"] == 60


def test_a_crash_after_the_commit_keeps_it(data: Path, tmp_path: Path, wanted: dict[str, bytes]) -> None:
    """Killed before it could report, an attempt's commit counts: the next returns it and writes nothing."""
    job = staged(data, tmp_path / "store", faults=(Fault("crash_after_commit", step="shard-002"),))
    assert attempt_alone(job, 2) == (KILLED, None)
    file = folder_of(job) / "profiles" / "shard-002.parquet"
    before = stamp(file)
    result = steps.process_shard(job, 2)
    assert (result["attempt"], stamp(file)) == (1, before)
    assert result == read_json(folder_of(job) / "manifests" / "shard-002.json")
    assert attempts_at(job, 2) == [(1, 1, None), (1, 2, "already_committed")]
    assert finish(job).parts == wanted


def test_a_crash_between_profiles_and_manifest(data: Path, tmp_path: Path, wanted: dict[str, bytes]) -> None:
    """Profiles without a manifest count for nothing: the next attempt writes the same bytes and commits."""
    job = staged(data, tmp_path / "store")
    steps.process_shard(job, 0)
    (folder_of(job) / "manifests" / "shard-000.json").unlink()
    assert 0 not in Run.of(job).committed()
    assert steps.process_shard(job, 0)["attempt"] == 2
    assert finish(job).parts == wanted


def test_twins_in_threads_commit_once(data: Path, tmp_path: Path, wanted: dict[str, bytes]) -> None:
    """Attempts at one shard that start together all return the first committer's result."""
    job = staged(data, tmp_path / "store")
    start = threading.Barrier(4)

    def attempt(_: int) -> Json:
        start.wait(timeout=30)
        return steps.process_shard(job, 0)

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(attempt, range(4)))
    assert_one_commit(job, results, wanted)


def test_twins_in_processes_commit_once(data: Path, tmp_path: Path, wanted: dict[str, bytes]) -> None:
    """The same for processes, as after an engine that believed a worker dead."""
    job = staged(data, tmp_path / "store")
    with attempting(job, 0, 0, 0) as twins:
        for twin in twins:
            twin.go()
        outcomes = [twin.outcome() for twin in twins]
    assert [status for status, _ in outcomes] == [0, 0, 0]
    assert_one_commit(job, [result for _, result in outcomes], wanted)


def assert_one_commit(job: Json, results: list[Json], wanted: dict[str, bytes]) -> None:
    """All twins hold the one manifest; the file is the undisturbed run's; each has an attempt number of its own."""
    folder = folder_of(job)
    assert [path.name for path in (folder / "manifests").iterdir()] == ["shard-000.json"]
    assert results == [read_json(folder / "manifests" / "shard-000.json")] * len(results)
    assert (folder / "profiles" / "shard-000.parquet").read_bytes() == wanted["shard-000.parquet"]
    assert sorted(number for _, number, _ in attempts_at(job, 0)) == list(range(1, len(results) + 1))
    assert list((folder.parent.parent / "tmp").iterdir()) == []


@pytest.mark.parametrize(("kind", "error"), [("exception", TransientError), ("terminal", TerminalError)])
def test_a_run_resumes_after_a_failed_shard(
    data: Path, tmp_path: Path, wanted: dict[str, bytes], kind: str, error: type[Exception]
) -> None:
    """A later start does the failed shard only: the files of the committed ones stay untouched."""
    faults = (Fault(kind, step="shard-001", attempts=(1, 2)),)
    job = staged(data, tmp_path / "store", faults=faults)
    for shard in (0, 2):
        steps.process_shard(job, shard)
    for _ in range(2):
        with pytest.raises(error, match="planned fault"):
            steps.process_shard(job, 1)
    with pytest.raises(TransientError, match=r"shards \[1\] are not committed; run the same run_id again"):
        steps.aggregate(job)
    assert published(job) == ["profiles/shard-000.parquet", "profiles/shard-002.parquet"]
    before = {path: stamp(path) for path in folder_of(job).glob("profiles/*")}

    again = opened(data, tmp_path / "store", faults=faults)
    answer = steps.stage(again)
    assert (again["invocation"], answer["staged"], answer["remaining_shards"]) == (2, "reused", [1])
    steps.process_shard(again, 1)
    assert steps.aggregate(again)["profiles_generated"] == 60
    assert {path: stamp(path) for path in before} == before
    assert attempts_at(again, 1) == [(1, 1, "failed"), (1, 2, "failed"), (2, 1, "committed")]
    assert {path.name: path.read_bytes() for path in folder_of(job).glob("profiles/*")} == wanted


def test_a_finished_run_started_again_gives_the_same_result(data: Path, tmp_path: Path) -> None:
    """Nothing remains to be done, and the result is the one of before."""
    first = merge(data, tmp_path / "store")
    again = opened(data, tmp_path / "store")
    assert steps.stage(again)["remaining_shards"] == []
    assert steps.aggregate(again) == first.result
