"""A commit is all or nothing, and the first one counts: crashes, duplicate attempts, late attempts, resume."""

from __future__ import annotations

import hashlib
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
from tests.shared.small import small_job

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from shared.run.job import Job
    from shared.run.pipeline import Context

KILLED = -signal.SIGKILL


def attempts_at(job: Job, shard: int) -> list[tuple[int, int, str | None]]:
    """The ledger of a shard: invocation, attempt and outcome, None for an attempt without an end."""
    return [
        (entry["invocation"], entry["attempt"], entry["end"] and entry["end"]["outcome"])
        for entry in read_attempts(Run.of(job).store, job.run_id)
        if entry["step"] == f"shard-{shard:03}"
    ]


def parts_of(job: Job) -> list[str]:
    """The files that attempts wrote, counting or not."""
    return sorted(path.name for path in folder_of(job).glob("parts/*"))


def part(shard: int, invocation: int, attempt: int) -> str:
    """The name of the file of one attempt."""
    return f"shard-{shard:03}.invocation-{invocation}.attempt-{attempt}.parquet"


def stamp(path: Path) -> tuple[int, int]:
    """What tells whether a file was written again."""
    return path.stat().st_ino, path.stat().st_mtime_ns


@pytest.mark.parametrize("kind", ["kill", "torn_write"])
def test_a_crash_before_the_commit_leaves_nothing(
    data: Path, tmp_path: Path, wanted: dict[str, bytes], kind: str
) -> None:
    """Killed with its profiles written but not yet named, an attempt leaves no part; the next one's counts."""
    job = staged(data, tmp_path / "store", faults=(Fault(kind, step="shard-001"),))
    assert attempt_alone(job, 1) == (KILLED, None)
    assert parts_of(job) == []
    assert Run.of(job).committed() == set()
    assert attempts_at(job, 1) == [(1, 1, None)]
    status, result = attempt_alone(job, 1)
    assert (status, result["attempt"]) == (0, 2)
    assert parts_of(job) == [part(1, 1, 2)]
    assert finish(job).parts == wanted
    assert attempts_at(job, 1)[1:] == [(1, 2, "committed"), (1, 3, "already_committed")]


def test_a_torn_write_leaves_its_file_among_the_temporary_ones(data: Path, tmp_path: Path) -> None:
    """What was written before the kill stays among the temporary files, for ``clean``, and is never read."""
    job = staged(data, tmp_path / "store", faults=(Fault("torn_write", step="shard-000"),))
    attempt_alone(job, 0)
    (torn,) = (tmp_path / "store" / "tmp").glob(f"*/{part(0, 1, 1)}")
    assert torn.read_bytes()[:4] == b"PAR1"
    assert merge(data, tmp_path / "store", run_id="other").result["profiles_generated"] == 60


def test_a_crash_after_the_commit_keeps_it(data: Path, tmp_path: Path, wanted: dict[str, bytes]) -> None:
    """Killed before it could report, an attempt's commit counts: the next returns it and writes nothing."""
    job = staged(data, tmp_path / "store", faults=(Fault("crash_after_commit", step="shard-002"),))
    assert attempt_alone(job, 2) == (KILLED, None)
    file = folder_of(job) / "parts" / part(2, 1, 1)
    before = stamp(file)
    result = steps.process_shard(job, 2)
    assert (result["attempt"], result["part"], stamp(file)) == (1, f"runs/r/parts/{file.name}", before)
    assert parts_of(job) == [file.name]
    assert result == read_json(folder_of(job) / "manifests" / "shard-002.json")
    assert attempts_at(job, 2) == [(1, 1, None), (1, 2, "already_committed")]
    assert finish(job).parts == wanted


def test_a_crash_between_part_and_manifest(data: Path, tmp_path: Path, wanted: dict[str, bytes]) -> None:
    """A part that no manifest names counts for nothing, whatever it holds: the next attempt writes its own."""
    job = staged(data, tmp_path / "store")
    steps.process_shard(job, 0)
    (folder_of(job) / "manifests" / "shard-000.json").unlink()
    (folder_of(job) / "parts" / part(0, 1, 1)).write_bytes(b"torn")
    assert 0 not in Run.of(job).committed()
    assert steps.process_shard(job, 0)["attempt"] == 2
    assert finish(job).parts == wanted


def test_duplicate_attempts_in_threads_commit_once(data: Path, tmp_path: Path, wanted: dict[str, bytes]) -> None:
    """Attempts at one shard that start together all return the first committer's result."""
    job = staged(data, tmp_path / "store")
    start = threading.Barrier(4)

    def attempt(_: int) -> Json:
        start.wait(timeout=30)
        return steps.process_shard(job, 0)

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(attempt, range(4)))
    assert_one_commit(job, results, wanted)


def test_duplicate_attempts_in_processes_commit_once(data: Path, tmp_path: Path, wanted: dict[str, bytes]) -> None:
    """The same for processes, as after an engine that believed a worker dead."""
    job = staged(data, tmp_path / "store")
    with attempting(job, 0, 0, 0) as attempts:
        for attempt in attempts:
            attempt.go()
        outcomes = [attempt.outcome() for attempt in attempts]
    assert [status for status, _ in outcomes] == [0, 0, 0]
    assert_one_commit(job, [result for _, result in outcomes], wanted)


def assert_one_commit(job: Job, results: list[Json], wanted: dict[str, bytes]) -> None:
    """All hold the one manifest, the losers' parts are gone, the output is right, each attempt has its own number."""
    folder = folder_of(job)
    assert [path.name for path in (folder / "manifests").iterdir()] == ["shard-000.json"]
    manifest = read_json(folder / "manifests" / "shard-000.json")
    assert results == [manifest] * len(results)
    assert parts_of(job) == [part(0, 1, manifest["attempt"])]
    assert sorted(number for _, number, _ in attempts_at(job, 0)) == list(range(1, len(results) + 1))
    assert finish(job).parts == wanted
    assert list((folder.parent.parent / "tmp").iterdir()) == []


class Late:
    """Lets attempt 1 at something wait, in a thread of its own, until everything else is done."""

    def __init__(self) -> None:
        self.began, self.may_end = threading.Event(), threading.Event()

    def wait(self, attempt: int) -> None:
        """Called by each attempt, before it writes."""
        if attempt == 1:
            self.began.set()
            assert self.may_end.wait(timeout=60)

    def after(self, attempt: Callable[[], Json], others: Callable[[], Json]) -> tuple[Json, Json]:
        """What the late attempt returns, and what the others did meanwhile."""
        with ThreadPoolExecutor(1) as thread:
            late = thread.submit(attempt)
            assert self.began.wait(timeout=60)
            done = others()
            self.may_end.set()
            return late.result(timeout=60), done


def test_a_late_attempt_at_a_shard_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two workers write different bytes; the one that comes after the run has ended gets the other's commit."""
    late = Late()

    def process_shard(_: object, context: Context, shard_id: int, path: Path) -> Json:
        if shard_id == 0:
            late.wait(context.attempt)
        path.write_text(f"written by attempt {context.attempt}")
        return {"by": context.attempt}

    job = staged_small(small_job(tmp_path, monkeypatch, process_shard=process_shard))
    returned, result = late.after(lambda: steps.process_shard(job, 0), lambda: finish(job).result)
    published_file = folder_of(job) / "output" / "shard-000.txt"
    assert published_file.read_text() == "written by attempt 2"
    assert (returned["attempt"], returned["facts"]) == (2, {"by": 2})
    assert returned["digest"].endswith(of_bytes(published_file.read_bytes()))
    assert parts_of(job)[0] == "shard-000.invocation-1.attempt-2.txt"
    assert len(parts_of(job)) == 3
    assert steps.aggregate(job) == result


def test_a_late_staging_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two workers stage different bytes; shards read the files and the facts of the one that counts, never of both."""
    late, read = Late(), []

    def stage(_: object, context: Context, folder: Path) -> Json:
        late.wait(context.attempt)
        (folder / "staged.txt").write_text(f"staged by attempt {context.attempt}")
        return {"by": context.attempt}

    def process_shard(_: object, context: Context, shard_id: int, path: Path) -> Json:
        with context.staged.open("staged.txt") as file:
            read.append((context.staged.facts, file.read().decode()))
        path.write_text(str(shard_id))
        return {}

    job = steps.open_run(small_job(tmp_path, monkeypatch, stage=stage, process_shard=process_shard))

    def stage_and_process() -> Json:
        steps.stage(job)
        return steps.process_shard(job, 0)

    returned, _ = late.after(lambda: steps.stage(job), stage_and_process)
    steps.process_shard(job, 1)
    assert read == [({"by": 2}, "staged by attempt 2")] * 2
    assert returned["staged"] == "reused"
    (folder,) = (tmp_path / "store").glob("staged/*")
    assert len(list(folder.glob("files-*"))) == 1


def staged_small(job: Job) -> Job:
    """The job, opened and staged."""
    job = steps.open_run(job)
    steps.stage(job)
    return job


def of_bytes(content: bytes) -> str:
    """The end of the digest of one file without records."""
    return f"{int.from_bytes(hashlib.sha256(content).digest()[:16], 'little'):032x}"


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
    assert published(job) == []
    before = {path: stamp(path) for path in folder_of(job).glob("parts/*")}
    assert parts_of(job) == [part(0, 1, 1), part(2, 1, 1)]

    again = opened(data, tmp_path / "store", faults=faults)
    answer = steps.stage(again)
    assert (again.invocation, answer["staged"], answer["remaining_shards"]) == (2, "reused", [1])
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
