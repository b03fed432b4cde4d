"""Sources and stores on a real S3 API: the same bytes, the same promises. Only AWS's own variables say where it is."""

from __future__ import annotations

import signal
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import fsspec
import pytest

from shared.customers.source_files import SourceFiles
from shared.faults.plan import Fault
from shared.run import clean, steps
from shared.run.errors import TerminalError, TransientError
from shared.run.inputs import FileInputs
from shared.run.ledger import read_attempts
from shared.run.listing import list_runs
from shared.run.run import Run
from shared.run.store import create_json, open_store, read_json
from tests.data import row, write_sources
from tests.shared.attempting import attempt_alone, attempting
from tests.shared.runs import Json, merge, new_job, opened
from tests.shared.s3_server import new_bucket, s3_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.run.job import Job

pytestmark = pytest.mark.servers

CRM = [row(f"c{number}", deal_value=str(number), company_name='Évora "Labs", Ltd\nLisbon') for number in range(40)]
TABLES = {"crm": [*CRM, row("c1", deal_value="-1")], "billing": [row("c2", mrr="7"), row("d", mrr="12.7")]}


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    """An S3 server, and a file system on it."""
    with s3_server():
        yield fsspec.filesystem("s3")


@pytest.fixture
def bucket(s3: Any) -> str:  # noqa: ARG001 — its server
    """The URL of an empty bucket."""
    return new_bucket()


@pytest.fixture
def data(s3: Any, bucket: str, tmp_path: Path) -> str:
    """Forty-one customers in that bucket, one of them twice, one row rejected."""
    write_sources(tmp_path / "data", **TABLES)
    s3.put(f"{tmp_path}/data/", f"{bucket}/data/", recursive=True)
    return f"{bucket}/data"


def prepared(data: str, store: str, **options: Any) -> Job:
    """A job, opened and staged."""
    job = steps.open_run(new_job(data, store, max_rejects="1", **options))
    steps.stage(job)
    return job


def finished(job: Job) -> tuple[Json, dict[str, bytes]]:
    """The result of a staged run and the files it published."""
    for shard in range(job.num_shards):
        steps.process_shard(job, shard)
    result = steps.aggregate(job)
    store = open_store(job.store_url)
    return result, {name: store.read(f"runs/r/profiles/{name}") for name in store.names("runs/r/profiles")}


@pytest.mark.parametrize("local_data", [False, True], ids=["data on S3", "data here"])
def test_a_run_on_s3_gives_the_bytes_of_a_local_one(bucket: str, data: str, tmp_path: Path, local_data: bool) -> None:  # noqa: FBT001
    """Digest, counts and published bytes do not depend on where sources and store are."""
    here = merge(tmp_path / "data", tmp_path / "store", max_rejects="1")
    result, files = finished(prepared(str(tmp_path / "data") if local_data else data, f"{bucket}/store"))
    assert files == here.parts
    own = {"shard_timings", "output"}
    assert {k: v for k, v in result.items() if k not in own} == {k: v for k, v in here.result.items() if k not in own}
    assert result["output"] == f"{bucket}/store/runs/r/profiles"
    assert result["digest"].startswith("v2:40:")


def test_files_below_a_folder_on_s3(s3: Any, bucket: str) -> None:
    """Objects below a prefix are found, and not the empty ones that a console's "Create folder" makes."""
    for key in ("d/", "d/a.txt", "d/day=1/", "d/day=1/b.txt", "d/.hidden", "e.txt"):
        s3.pipe_file(f"{bucket}/{key}", b"" if key.endswith("/") else b"text")
    inputs = FileInputs.at(f"{bucket}/d")
    versions = inputs.versions()
    assert list(versions) == ["a.txt", "day=1/b.txt"]
    s3.pipe_file(f"{bucket}/d/day=1/b.txt", b"TEXT")
    assert inputs.digest(inputs.versions()) != inputs.digest(versions)
    with pytest.raises(TerminalError, match=f"^there is no data folder {bucket}/nowhere; set it"):
        FileInputs.at(f"{bucket}/nowhere").found()


def test_a_run_among_the_empty_objects_of_a_console(s3: Any, bucket: str, data: str) -> None:
    """What a console's "Create folder" puts into each folder of a store disturbs no listing, and keeps no old run."""
    store = f"{bucket}/store"
    job = prepared(data, store)
    steps.process_shard(job, 0)
    for folder in ("", "staged", "runs", "runs/r", "runs/r/manifests", "runs/r/attempts", "runs/r/invocations"):
        s3.pipe_file(f"{store}/{folder}".rstrip("/") + "/", b"")
    again = steps.open_run(new_job(data, store, max_rejects="1"))
    assert steps.stage(again)["remaining_shards"] == [1, 2]
    finished(again)
    (listed,) = list_runs(open_store(store))
    assert (listed.state, listed.committed, listed.starts) == ("finished", 3, 2)
    assert "runs/r" in clean.find_old(store, timedelta(0))


def test_rejects_name_line_and_place(bucket: str, data: str) -> None:
    """A bad row of a remote file is reported with its line, and the rejects file with its URL."""
    with pytest.raises(TerminalError) as caught:
        steps.stage(steps.open_run(new_job(data, f"{bucket}/store")))
    assert "\n  billing.csv line 3, column mrr: '12.7' not a whole number\n" in str(caught.value)
    assert f"All of them: {bucket}/store/runs/r/rejects.csv" in str(caught.value)


def test_of_many_creators_exactly_one_wins(bucket: str) -> None:
    """The server decides who creates a name first, and the content is the winner's."""
    start = threading.Barrier(6)
    names = [f"claims/{number}.json" for number in range(5)]

    def create(thread: int) -> list[str]:
        store = open_store(f"{bucket}/store")
        start.wait(timeout=30)
        return [name for name in names if create_json(store, name, {"by": thread})]

    with ThreadPoolExecutor(6) as pool:
        won = dict(enumerate(pool.map(create, range(6))))
    winners = {name: thread for thread, created in won.items() for name in created}
    assert sum(map(len, won.values())) == len(winners) == len(names)
    store = open_store(f"{bucket}/store")
    assert {name: read_json(store, name)["by"] for name in names} == winners


def test_an_upload_is_seen_when_it_is_complete(bucket: str) -> None:
    """Inside the block the name does not exist; when the block fails it never will."""
    store = open_store(f"{bucket}/store")
    with store.publishing("p/x") as path:
        path.write_bytes(b"all")
        assert store.names("p") == []
    assert (store.names("p"), store.read("p/x")) == (["x"], b"all")
    with pytest.raises(RuntimeError), store.publishing("p/y"):
        raise RuntimeError
    assert store.names("p") == ["x"]


@pytest.mark.parametrize("name", ["nothing", "no/folder/nothing"])
def test_a_missing_object_is_not_found(bucket: str, name: str) -> None:
    """Reading what is not there is a FileNotFoundError, as on disk."""
    store = open_store(f"{bucket}/store")
    with pytest.raises(FileNotFoundError):
        store.read(name)
    assert store.names("no/folder") == []


def test_duplicate_attempts_in_processes_commit_once(bucket: str, data: str, tmp_path: Path) -> None:
    """Attempts at one shard in different processes hold one manifest, whose part is the only one left."""
    wanted = merge(tmp_path / "data", tmp_path / "store", max_rejects="1").parts
    job = prepared(data, f"{bucket}/store")
    with attempting(job, 1, 1) as attempts:
        for attempt in attempts:
            attempt.go()
        outcomes = [attempt.outcome() for attempt in attempts]
    assert [status for status, _ in outcomes] == [0, 0]
    manifest = Run.of(job).manifest(1)
    assert manifest
    assert [result for _, result in outcomes] == [manifest.to_json()] * 2
    assert [f"runs/r/parts/{name}" for name in Run.of(job).store.names("runs/r/parts")] == [manifest.part]
    assert sorted(e["attempt"] for e in read_attempts(Run.of(job).store, "r") if e["step"] == "shard-001") == [1, 2]
    assert finished(job)[1] == wanted


def test_a_crash_before_the_upload_leaves_nothing_and_the_run_resumes(bucket: str, data: str, tmp_path: Path) -> None:
    """Killed with its profiles written, an attempt has uploaded nothing; a later start does that shard only."""
    wanted = merge(tmp_path / "data", tmp_path / "store", max_rejects="1").parts
    job = prepared(data, f"{bucket}/store", faults=(Fault("torn_write", step="shard-000"),))
    store = open_store(job.store_url)
    steps.process_shard(job, 2)
    assert attempt_alone(job, 0) == (-signal.SIGKILL, None)
    assert store.names("runs/r/parts") == ["shard-002.invocation-1.attempt-1.parquet"]
    assert store.names("runs/r/profiles") == []
    again = steps.open_run(replace(job, invocation=0))
    assert again.invocation == 2
    answer = steps.stage(again)
    assert (answer["staged"], answer["remaining_shards"]) == ("reused", [0, 1])
    assert finished(again)[1] == wanted


def test_a_changed_object_is_noticed(s3: Any, bucket: str, data: str) -> None:
    """An object replaced between start and staging, by one of the same size, fails the attempt; a new start runs."""
    job = steps.open_run(new_job(data, f"{bucket}/store", max_rejects="1"))
    content = s3.cat_file(f"{data}/crm.csv")
    s3.pipe_file(f"{data}/crm.csv", content.replace(b"c5,", b"c6,"))
    with pytest.raises(TransientError, match=f"^crm.csv in {data} changed since the run started"):
        steps.stage(job)
    again = steps.open_run(replace(job, invocation=0))
    steps.stage(again)
    result, _ = finished(again)
    assert (again.invocation, result["profiles_generated"], result["duplicates"]["crm"]) == (2, 39, 2)


def test_a_missing_object_among_the_sources(s3: Any, bucket: str, data: str) -> None:
    """A missing source is reported with the bucket's URL."""
    s3.rm(f"{data}/support.csv")
    with pytest.raises(TerminalError, match=f"support.csv is missing in {data}; a data folder has crm.csv"):
        SourceFiles.at(data).check()
    with pytest.raises(TerminalError, match=r"crm\.csv is missing in s3://nowhere-at-all/data"):
        opened("s3://nowhere-at-all/data", f"{bucket}/store")


def test_old_runs_are_found_and_removed(bucket: str, data: str) -> None:
    """Cleaning works on a bucket as on disk: nothing that changed lately, all that is older."""
    finished(prepared(data, f"{bucket}/store"))
    assert clean.find_old(f"{bucket}/store", timedelta(hours=1)) == []
    names = clean.find_old(f"{bucket}/store", timedelta(0))
    assert [name.split("/")[0] for name in names] == ["runs", "staged"]
    assert clean.remove(f"{bucket}/store", names, timedelta(0)) == []
    assert open_store(f"{bucket}/store").names("runs/r") == []


def test_a_killed_upload_leaves_nothing_for_long(
    bucket: str, data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a killed process was about to upload is removed from this machine by the next upload."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    job = prepared(data, f"{bucket}/store", faults=(Fault("torn_write", "shard-000"),))
    assert attempt_alone(job, 0) == (-signal.SIGKILL, None)
    (left,) = tmp_path.glob("shardwise-*/*.parquet")
    assert left.stat().st_size > 0
    assert steps.process_shard(job, 0)["attempt"] == 2
    assert list(tmp_path.glob("shardwise-*")) == []


def test_a_bucket_that_is_missing(bucket: str) -> None:
    """The bucket is what the message says is missing, not a file alone."""
    with pytest.raises(
        TerminalError, match=r"^crm\.csv is missing in s3://nobody/x \(The specified bucket does not exist\)"
    ):
        SourceFiles.at("s3://nobody/x").check()
    with pytest.raises(TerminalError, match=rf"^crm\.csv is missing in {bucket}/x; a data folder has"):
        SourceFiles.at(f"{bucket}/x").check()
