"""What a run publishes is what its shards committed: planted names, changed files and mixed stagings are refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from shared.run import steps
from shared.run.errors import TerminalError
from shared.run.run import Run
from tests.shared.runs import Json, finish, folder_of, merge, new_job, opened, published, read_json, staged
from tests.shared.small import small_job

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from shared.run.job import Job
    from shared.run.pipeline import Context

CHANGED = "something else changed the store; start a run with another run_id"


def changed(path: Path, **fields: Any) -> None:
    """Change fields of a JSON file; None takes one out."""
    value = json.loads(path.read_text()) | fields
    path.write_text(json.dumps({name: each for name, each in value.items() if each is not None}))


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    """A run of three shards, all committed, not aggregated."""
    job = steps.open_run(small_job(tmp_path, monkeypatch))
    steps.stage(job)
    for shard in range(3):
        steps.process_shard(job, shard)
    return job


def refusal(job: Job) -> str:
    """The message with which its aggregation is refused; nothing is published."""
    with pytest.raises(TerminalError) as caught:
        steps.aggregate(job)
    assert not (folder_of(job) / "output").exists()
    assert published(job) == []
    return str(caught.value)


@pytest.mark.parametrize(
    "part",
    [
        "../secret.txt",
        "runs/r/parts/../../../../secret.txt",
        "/etc/hostname",
        "runs/other/parts/shard-001.invocation-1.attempt-1.txt",
        "runs/r/parts/shard-002.invocation-1.attempt-1.txt",
        "runs/r/parts/shard-001.invocation-1.attempt-1/../../x",
        "runs/r/job.json",
        "",
        None,
        7,
    ],
)
def test_a_part_is_one_of_its_shard(job: Job, tmp_path: Path, part: object) -> None:
    """Before, a manifest that named a file outside the store had it linked into the published output."""
    (tmp_path / "secret.txt").write_text("top secret")
    changed(folder_of(job) / "manifests" / "shard-001.json", part=part)
    assert (
        refusal(job)
        == f"runs/r/manifests/shard-001.json has part {part!r}, which Shardwise never writes there: {CHANGED}"
    )
    with pytest.raises(TerminalError, match="has part"):
        steps.stage(steps.open_run(replace(job, invocation=0)))
    with pytest.raises(TerminalError, match="has part"):
        Run.of(job).open_output(1)


@pytest.mark.parametrize(("field", "value"), [("versions", None), ("versions", ["a"]), ("input_digest", 7)])
def test_a_start_says_what_it_was_opened_with(job: Job, field: str, value: object) -> None:
    """Before, a file of a start that something else changed ended a step with a KeyError or a TypeError."""
    changed(folder_of(job) / "invocations" / f"{job.invocation}.json", **{field: value})
    said = (
        f"runs/r/invocations/{job.invocation}.json has {field} {value!r}, which Shardwise never writes there: {CHANGED}"
    )
    assert refusal(job) == said


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("shard_id", 2),
        ("digest", "v1:x"),
        ("facts", []),
        ("size", "1"),
        ("blake3", "../x"),
        ("attempt", True),
        ("elapsed_ms", -1),
        ("staging", 3),
    ],
)
def test_a_manifest_has_what_a_commit_writes(job: Job, field: str, value: object) -> None:
    """A field of another kind is named with its value."""
    changed(folder_of(job) / "manifests" / "shard-001.json", **{field: value})
    assert f"runs/r/manifests/shard-001.json has {field} {value!r}" in refusal(job)


@pytest.mark.parametrize("content", ["", "{", "[]", "\x00"])
def test_a_manifest_that_is_no_json_object(job: Job, content: str) -> None:
    """A file that another program emptied or wrote is named."""
    (folder_of(job) / "manifests" / "shard-001.json").write_text(content)
    named = f"{job.store_url}/runs/r/manifests/shard-001.json is not a JSON object"
    assert refusal(job) == f"{named}, as Shardwise writes there: {CHANGED}"


@pytest.mark.parametrize("folder", ["../elsewhere", "/etc", "staged", "runs/r", "files-0123456789abcdef", None])
def test_a_staging_is_in_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str | None) -> None:
    """Before, shards read what a planted name of a folder pointed to."""
    job = small_job(tmp_path, monkeypatch, stage=stage_text("right"))
    steps.stage(steps.open_run(job))
    (manifest,) = (tmp_path / "store").glob("staged/*/staged.json")
    changed(manifest, folder=folder)
    again = steps.open_run(replace(job, run_id="again"))
    with pytest.raises(TerminalError, match=rf"^staged/.*/staged\.json has folder {folder!r}, which Shardwise never"):
        steps.stage(again)


def test_the_address_of_a_staging_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that was planted in job.json leads no shard out of the store."""
    job = steps.open_run(small_job(tmp_path, monkeypatch, stage=stage_text("right")))
    changed(folder_of(job) / "job.json", pipeline="../../elsewhere/small")
    assert steps.stage(job)["staged"] == "new"
    assert Run.of(job).staging.startswith("staged/small-v1-")


@pytest.mark.parametrize("content", [b"0 b\n", b"longer than before", None], ids=["as long", "longer", "missing"])
def test_a_changed_part_is_not_published(job: Job, content: bytes | None) -> None:
    """Each file is compared with the size and the hash of its commit, before the pipeline aggregates."""
    part = folder_of(job) / "parts" / "shard-000.invocation-1.attempt-1.txt"
    part.unlink()
    if content is not None:
        part.write_bytes(content)
    assert refusal(job) == (
        "1 of 3 files are missing or are not those that were committed, first "
        f"{job.store_url}/runs/r/parts/{part.name}: {CHANGED}"
    )


def test_a_linked_part_is_not_published(job: Job, tmp_path: Path) -> None:
    """A link to a file elsewhere does not have the content of the commit."""
    (tmp_path / "secret.txt").write_text("top secret")
    part = folder_of(job) / "parts" / "shard-000.invocation-1.attempt-1.txt"
    part.unlink()
    part.symlink_to(tmp_path / "secret.txt")
    assert "1 of 3 files are missing or are not those" in refusal(job)


def stage_text(*texts: str) -> Callable[..., Json]:
    """A ``stage`` that leaves the first text the first time, then the second, and so on."""
    calls = count()

    def stage(_: object, _context: Context, folder: Path) -> Json:
        (folder / "staged.txt").write_text(texts[min(next(calls), len(texts) - 1)])
        return {}

    return stage


def half_done(folder: Path, monkeypatch: pytest.MonkeyPatch, stage: Callable[..., Json]) -> Job:
    """A run that was stopped after its first shard, and whose staging was removed since."""
    job = small_job(folder, monkeypatch, stage=stage)
    opened = steps.open_run(job)
    steps.stage(opened)
    steps.process_shard(opened, 0)
    shutil.rmtree(folder / "store" / "staged")
    return job


def test_shards_of_two_stagings_are_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before, a run whose staging was removed and came out differently published a mixture as done."""
    again = steps.open_run(half_done(tmp_path, monkeypatch, stage_text("one", "two")))
    message = (
        f"shards [0] of run r were committed from another staging than the one that is now in {tmp_path}/store: that "
        "was made again and has other content; start a run with another run_id"
    )
    with pytest.raises(TerminalError) as caught:
        steps.stage(again)
    assert str(caught.value) == message
    for shard in (1, 2):
        steps.process_shard(again, shard)
    assert refusal(again) == message


def test_a_staging_that_comes_out_the_same_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its content counts, and not when or by whom it was made: the run resumes."""
    again = steps.open_run(half_done(tmp_path, monkeypatch, stage_text("one", "one")))
    assert steps.stage(again)["remaining_shards"] == [1, 2]
    for shard in (1, 2):
        steps.process_shard(again, shard)
    assert steps.aggregate(again)["shards"] == 3


def test_the_customers_are_staged_to_the_same_bytes(data: Path, tmp_path: Path) -> None:
    """A merge whose staging was removed by a rule of its bucket resumes over the same one, made again."""
    job = staged(data, tmp_path / "store")
    steps.process_shard(job, 0)
    before = Run.of(job).content
    shutil.rmtree(tmp_path / "store" / "staged")
    again = opened(data, tmp_path / "store")
    assert steps.stage(again)["staged"] == "new"
    assert Run.of(again).content == before
    assert finish(again).result["profiles_generated"] == 60


def test_facts_are_content_of_a_staging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same files with other facts are another staging."""
    numbers = count()
    again = steps.open_run(half_done(tmp_path, monkeypatch, lambda *_: {"number": next(numbers)}))
    with pytest.raises(TerminalError, match=r"^shards \[0\] of run r were committed from another staging"):
        steps.stage(again)


def test_a_staging_has_no_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a link points to is not in the store and may change."""

    def stage(_: object, _context: Context, folder: Path) -> Json:
        (folder / "deep").mkdir()
        (folder / "deep" / "link").symlink_to(tmp_path)
        return {}

    job = steps.open_run(small_job(tmp_path, monkeypatch, stage=stage))
    with pytest.raises(TerminalError, match=r"^stage left the link deep/link; leave a copy of what it points to$"):
        steps.stage(job)
    assert not list((tmp_path / "store").glob("staged/*/*"))


def as_version_0_2(store: Path) -> None:
    """Take out what version 0.2 did not write."""
    for manifest in store.glob("runs/*/manifests/*.json"):
        changed(manifest, staging=None, size=None, blake3=None)
    for manifest in store.glob("staged/*/staged.json"):
        changed(manifest, content=None)


def test_a_run_of_version_0_2_is_resumed(data: Path, tmp_path: Path) -> None:
    """Shards that it committed, and its staging, count as they did; shards committed now are verified."""
    wanted = merge(data, tmp_path / "other")
    job = staged(data, tmp_path / "store")
    steps.process_shard(job, 0)
    as_version_0_2(tmp_path / "store")
    again = opened(data, tmp_path / "store")
    assert steps.stage(again)["staged"] == "reused"
    merged = finish(again)
    assert (merged.parts, merged.result["digest"]) == (wanted.parts, wanted.result["digest"])
    assert read_json(merged.folder / "manifests" / "shard-001.json")["size"] > 0


def test_shards_of_version_0_2_and_a_new_staging_are_no_result(data: Path, tmp_path: Path) -> None:
    """Their staging is unknown, so the run is not resumed with a newer staging."""
    job = staged(data, tmp_path / "store")
    steps.process_shard(job, 0)
    as_version_0_2(tmp_path / "store")
    shutil.rmtree(tmp_path / "store" / "staged")
    with pytest.raises(TerminalError, match=r"^shards \[0\] of run r were committed from another staging"):
        staged(data, tmp_path / "store")


def test_a_finished_run_of_version_0_2_is_shown(data: Path, tmp_path: Path) -> None:
    """Its result and its files are read."""
    merged = merge(data, tmp_path / "store")
    as_version_0_2(tmp_path / "store")
    run = Run.of(new_job(data, tmp_path / "store"))
    assert run.result() == merged.result
    with run.open_output(0) as file:
        assert file.read() == merged.parts["shard-000.parquet"]


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "/etc/x", "x\0", "job.json", "result.json", "parts", "output"]
)
def test_names_that_a_pipeline_may_not_publish(job: Job, name: str) -> None:
    """A file beside the output is directly in the run's folder, under a name that is none of the run's own."""
    context = Run.of(job).context(1)
    with pytest.raises(TerminalError, match=r"is not a valid name for a file of a run; use one like rejects\.csv$"):
        context.publishing(name)
    with context.publishing("rejects.csv") as path:
        path.write_text("x")
    assert (folder_of(job) / "rejects.csv").read_text() == "x"
