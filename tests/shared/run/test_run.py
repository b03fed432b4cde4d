"""Starting a run: what it is about is written down once, and later starts are held to it."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from shared.customers.pipeline import CustomerMerge
from shared.customers.schema import SCHEMA_VERSION
from shared.run import steps
from shared.run.errors import TerminalError, TransientError
from shared.run.listing import list_runs
from shared.run.manifest import Manifest
from shared.run.run import Run
from shared.run.store import open_store
from tests.data import row, write_sources
from tests.old_store import write_old_run
from tests.shared.runs import Json, finish, folder_of, merge, new_job, opened, published, read_json, staged

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two customers."""
    return write_sources(tmp_path / "data", crm=[row("a"), row("b")])


def test_opening_writes_down_what_the_run_is_about(data: Path, tmp_path: Path) -> None:
    """job.json has the pipeline and its version, what decides over the data, and the job."""
    job = opened(data, tmp_path / "store")
    record = read_json(folder_of(job) / "job.json")
    assert sorted(record) == [
        "input_digest",
        "job",
        "num_shards",
        "parameters",
        "pipeline",
        "reference",
        "version",
    ]
    assert (len(record["input_digest"]), record["num_shards"], record["job"]) == (
        64,
        3,
        replace(job, invocation=0).to_json(),
    )
    assert (record["pipeline"], record["version"], record["parameters"]) == ("customers", SCHEMA_VERSION, {})


def test_each_start_is_an_invocation(data: Path, tmp_path: Path) -> None:
    """Starts are numbered from 1, and each is recorded with who made it."""
    jobs = [opened(data, tmp_path / "store") for _ in range(3)]
    assert [job.invocation for job in jobs] == [1, 2, 3]
    folder = folder_of(jobs[0]) / "invocations"
    assert sorted(path.name for path in folder.iterdir()) == ["1.json", "2.json", "3.json"]
    assert read_json(folder / "2.json")["pid"] == os.getpid()


def test_starts_at_the_same_time_are_different_invocations(data: Path, tmp_path: Path) -> None:
    """Of starters that begin together each gets a number of its own, without a gap."""
    start = threading.Barrier(6)

    def open_one(_: int) -> int:
        start.wait(timeout=30)
        return opened(data, tmp_path / "store").invocation

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(open_one, range(6))) == [1, 2, 3, 4, 5, 6]


def test_a_run_with_commits_keeps_its_data(data: Path, tmp_path: Path) -> None:
    """One sentence says what is the matter and what to do; it has no hashes, and the run stays as it was."""
    merged = merge(data, tmp_path / "store")
    write_sources(data, crm=[row("a"), row("c")])
    with pytest.raises(TerminalError) as caught:
        steps.open_run(replace(merged.job, invocation=0))
    assert str(caught.value) == (
        f"the input files in {data} are not those that run r was started with, and some of its shards are committed; "
        "start a run with another run_id"
    )
    assert read_json(merged.folder / "result.json") == merged.result
    assert [path.name for path in (merged.folder / "invocations").iterdir()] == ["1.json"]


def test_a_run_without_commits_takes_corrected_data(data: Path, tmp_path: Path) -> None:
    """After its first start was refused for a bad row, the same run_id runs over the corrected file."""
    write_sources(data, crm=[row("a", employee_count="many")])
    with pytest.raises(TerminalError, match="not a whole number"):
        staged(data, tmp_path / "store")
    write_sources(data, crm=[row("a", employee_count="7"), row("b")])
    merged = merge(data, tmp_path / "store")
    assert merged.job.invocation == 2
    assert [profile["employee_count"] for profile in merged.profiles] == [7, None]
    assert opened(data, tmp_path / "store").invocation == 3


def test_corrected_data_is_not_mixed_with_the_old_staging(data: Path, tmp_path: Path) -> None:
    """An attempt of the first start that comes late works over what that start was opened with."""
    late = staged(data, tmp_path / "store")
    write_sources(data, crm=[row(customer, industry="new") for customer in "ab"])
    again = staged(data, tmp_path / "store")
    assert Run.of(late).staging != Run.of(again).staging
    assert finish(again).profiles[0]["industry"] == "new"
    assert steps.process_shard(late, 0)["invocation"] == 2


def test_a_late_commit_from_other_data_ends_the_run(data: Path, tmp_path: Path) -> None:
    """A worker of the first start that commits after the files were corrected is caught; nothing is published."""
    late = staged(data, tmp_path / "store")
    write_sources(data, crm=[row(customer, industry="new") for customer in "ab"])
    again = staged(data, tmp_path / "store")
    steps.process_shard(late, 1)
    told = r"^shards \[1\] of run r were committed from other input files, by an earlier start .* another run_id$"
    with pytest.raises(TerminalError, match=told):
        finish(again)
    assert published(again) == []


def test_a_run_cannot_go_on_with_other_shards(data: Path, tmp_path: Path) -> None:
    """The same for the number of shards."""
    opened(data, tmp_path / "store")
    with pytest.raises(TerminalError, match=r"^run r was started with num_shards 3 and now has 4; "):
        opened(data, tmp_path / "store", num_shards=4)
    assert opened(data, tmp_path / "store").invocation == 2


def test_a_run_cannot_go_on_with_another_version(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new version of the pipeline does not finish what an older one began with other rules."""
    opened(data, tmp_path / "store")
    monkeypatch.setattr(CustomerMerge, "version", 99)
    with pytest.raises(TerminalError, match=rf"^run r was started with version {SCHEMA_VERSION} and now has 99; "):
        opened(data, tmp_path / "store")


def test_a_run_cannot_go_on_with_another_pipeline(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run of one pipeline is not resumed by another."""
    opened(data, tmp_path / "store")
    monkeypatch.setenv("SHARDWISE_PIPELINES", "tests.shared.small:pipeline")
    with pytest.raises(TerminalError, match=r"^run r was started with pipeline customers and now has small; "):
        opened(data, tmp_path / "store", pipeline="tests.shared.small:pipeline")


def test_a_run_of_version_0_1_is_refused(data: Path, tmp_path: Path) -> None:
    """One clear sentence; its files stay as they are, and a store that both versions used still takes new runs."""
    store = tmp_path / "store"
    opened(data, store)
    write_old_run(store, data)
    before = {path: path.read_bytes() for path in (store / "runs" / "old").rglob("*.json")}
    message = (
        f"run old in {store} was made by version 0.1 of shardwise, which this version does not read; "
        "name another store, or move the run's folder out of this one"
    )
    for refused in (lambda: opened(data, store, run_id="old"), lambda: list_runs(open_store(str(store)))):
        with pytest.raises(TerminalError) as caught:
            refused()
        assert str(caught.value) == message
    assert {path: path.read_bytes() for path in (store / "runs" / "old").rglob("*.json")} == before
    assert opened(data, store, run_id="new").invocation == 1


def test_a_store_that_only_version_0_1_used_is_refused(data: Path, tmp_path: Path) -> None:
    """It has runs and no marker, and nothing is written into it; other programs' runs are none."""
    store = tmp_path / "store"
    write_old_run(store, data)
    with pytest.raises(TerminalError, match=r"^run old in .* was made by version 0\.1 of shardwise"):
        opened(data, store)
    assert sorted(path.name for path in store.iterdir()) == ["runs"]
    (store / "runs" / "old" / "job.json").write_text("[]")
    assert opened(data, store).invocation == 1
    with pytest.raises(TerminalError, match=r"runs/old/job\.json was not written by shardwise; use another run_id$"):
        opened(data, store, run_id="old")


@pytest.mark.parametrize("change", [{"max_rejects": "5%"}, {"engine": "prefect"}, {"redact": True}])
def test_other_fields_may_differ_between_starts(data: Path, tmp_path: Path, change: Json) -> None:
    """Limits, engine and redaction belong to a start, not to the run; so does where equal bytes are."""
    opened(data, tmp_path / "store")
    copy = write_sources(tmp_path / "copy", crm=[row("a"), row("b")])
    assert opened(copy, tmp_path / "store", **change).invocation == 2


@pytest.mark.parametrize("door", [steps.stage, steps.aggregate, lambda job: steps.process_shard(job, 0)])
def test_a_job_nobody_opened_here(data: Path, tmp_path: Path, door: object) -> None:
    """A store that does not know the run is named: it is likely the wrong one."""
    job = new_job(data, tmp_path / "store").opened(1)
    assert callable(door)
    with pytest.raises(TerminalError, match=f"{tmp_path}/store has no run r; is the store the right one"):
        door(job)


def test_shards_before_staging(data: Path, tmp_path: Path) -> None:
    """A shard that comes before its staging is worth another attempt."""
    with pytest.raises(TransientError, match="has no staging for run r; run the step stage first"):
        steps.process_shard(opened(data, tmp_path / "store"), 0)


def test_committed_shards_are_those_with_a_manifest(data: Path, tmp_path: Path) -> None:
    """What is committed can be asked at any time, and there is no result before the end."""
    job = staged(data, tmp_path / "store")
    run = Run.of(job)
    assert (run.committed(), run.manifest(1), run.result()) == (set(), None, None)
    result = steps.process_shard(job, 1)
    assert (run.committed(), run.manifest(1), run.result()) == ({1}, Manifest(**result), None)


def test_a_local_store_is_no_store_on_render(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Render's cloud, where tasks share no disk, a local folder is refused with what to set instead."""
    monkeypatch.setenv("RENDER", "true")
    with pytest.raises(TerminalError, match="which tasks on Render do not share; set SHARDWISE_STORE_URL to a bucket"):
        opened(data, tmp_path / "store")
    assert not (tmp_path / "store").exists()
