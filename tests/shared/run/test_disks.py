"""Disks that lack something, are full, fail or go away: done without where that is safe, else told by path and deed."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from shared.run import steps
from shared.run.errors import StoreError, StoreUnusableError, TerminalError
from shared.run.inputs import FileInputs
from shared.run.marker import is_marked
from shared.run.run import Run
from shared.run.store import open_store
from tests.shared.runs import finish, new_job, opened, staged
from tests.shared.small import small_job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shared.run.pipeline import Context
    from tests.shared.runs import Json

NAMED = "set another store with store_url, --store or SHARDWISE_STORE_URL"
MEMORY = Path("/dev/shm")  # noqa: S108 — a file system of its own on Linux
LATIN_1 = b"caf\xe9".decode(errors="surrogateescape")


def refusing(number: int) -> Callable[..., None]:
    """A call that a file system answers with an error."""

    def refuse(*_: object, **_options: object) -> None:
        raise OSError(number, os.strerror(number))

    return refuse


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS])
def test_a_file_system_that_does_not_sync(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """A folder of which it says so is as safe as it can be there: the run is done."""
    sync = os.fsync

    def sync_files(descriptor: int) -> None:
        sync(descriptor) if stat.S_ISREG(os.fstat(descriptor).st_mode) else refusing(number)()

    monkeypatch.setattr("os.fsync", sync_files)
    assert finish(staged(data, tmp_path / "store")).result["profiles_generated"] == 60


def test_a_file_system_without_modes(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where modes cannot be changed, the mount decides who reads: before, a raw EPERM was tried four times."""
    monkeypatch.setattr("os.fchmod", refusing(errno.EPERM))
    monkeypatch.setattr("os.chmod", refusing(errno.EPERM))
    assert finish(staged(data, tmp_path / "store")).result["profiles_generated"] == 60


def test_a_file_system_without_files_that_have_no_name(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over NFS and on macOS files are made under a temporary name, with the same outcome and nothing left."""
    monkeypatch.delattr("os.O_TMPFILE")
    assert finish(staged(data, tmp_path / "store")).result["profiles_generated"] == 60
    assert open_store(str(tmp_path / "store")).create("runs/r/job.json", b"other") is False
    assert list((tmp_path / "store" / "tmp").iterdir()) == []


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_a_disk_that_fails(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """It is worth another attempt, and the message has store, path, deed and reason."""
    job = staged(data, tmp_path / "store")
    monkeypatch.setattr("os.fsync", refusing(number))
    with pytest.raises(StoreError) as caught:
        steps.process_shard(job, 0)
    assert str(caught.value).startswith(f"the store {tmp_path}/store failed: {tmp_path}/store/tmp/shardwise-scratch-")
    assert str(caught.value).endswith(f"parquet cannot be written: {os.strerror(number)}")


def test_a_disk_that_is_full_while_a_pipeline_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store is named, where the pipeline's own line would say nothing of it."""
    job = steps.open_run(small_job(tmp_path, monkeypatch, process_shard=refusing(errno.ENOSPC)))
    with pytest.raises(StoreError, match=rf"^the store {tmp_path}/store failed: .* cannot be written: No space left"):
        steps.process_shard(job, 0)


def test_a_pipeline_that_cannot_read_its_own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong elsewhere is not blamed on the store."""

    def process_shard(_: object, _context: Context, _shard_id: int, path: Path) -> Json:
        path.write_text((tmp_path / "nowhere.txt").read_text())
        return {}

    job = steps.open_run(small_job(tmp_path, monkeypatch, process_shard=process_shard))
    with pytest.raises(FileNotFoundError, match=r"nowhere\.txt"):
        steps.process_shard(job, 0)


@pytest.mark.skipif(
    not MEMORY.is_dir() or MEMORY.stat().st_dev == Path("/tmp").stat().st_dev,  # noqa: S108 — the same
    reason="needs two file systems",
)
def test_runs_on_another_disk(data: Path, tmp_path: Path) -> None:
    """The error for a link to another disk inside a store says so, and what to do."""
    (tmp_path / "store").mkdir()
    with TemporaryDirectory(dir=MEMORY) as elsewhere:
        (tmp_path / "store" / "runs").symlink_to(elsewhere)
        with pytest.raises(StoreUnusableError) as caught:
            opened(data, tmp_path / "store")
    assert str(caught.value) == (
        f"the store {tmp_path}/store cannot be used: {tmp_path}/store/runs/r/job.json is on another disk than "
        f"{tmp_path}/store/tmp, and files are moved there; link the whole folder; {NAMED}"
    )


def test_a_store_that_is_removed_during_a_run(data: Path, tmp_path: Path) -> None:
    """The run is not found there any more, which no further attempt can change."""
    job = staged(data, tmp_path / "store")
    shutil.rmtree(tmp_path / "store")
    with pytest.raises(StoreUnusableError, match=rf"^{tmp_path}/store has no run r; is the store the right one\?$"):
        steps.process_shard(job, 0)


def test_a_store_that_is_removed_while_a_shard_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of the pipeline itself is reported unchanged."""

    def process_shard(_: object, _context: Context, _shard_id: int, path: Path) -> Json:
        shutil.rmtree(tmp_path / "store")
        path.write_text("x")
        return {}

    job = steps.open_run(small_job(tmp_path, monkeypatch, process_shard=process_shard))
    with pytest.raises(StoreError, match=rf"^the store {tmp_path}/store failed: .* cannot be written: No such file"):
        steps.process_shard(job, 0)


@contextmanager
def as_another_user(folder: Path) -> Iterator[None]:
    """The rights of another user: nobody's for root; otherwise a folder that its owner cannot read."""
    mode = folder.stat().st_mode
    if os.geteuid() == 0:
        os.seteuid(65534)
    else:
        folder.chmod(0)
    try:
        yield
    finally:
        if os.getuid() == 0:
            os.seteuid(0)
        else:
            folder.chmod(mode)


def test_a_store_of_another_user(data: Path, tmp_path: Path) -> None:
    """Before, showing a run of it was a traceback: its files are their owner's alone, and that is what is said."""
    finish(staged(data, tmp_path / "store"))
    run = Run.of(new_job(data, tmp_path / "store"))
    for look in (lambda: run.record, run.result, lambda: is_marked(run.store), run.committed):
        with as_another_user(tmp_path / "store"), pytest.raises(StoreUnusableError) as caught:
            look()
        assert str(caught.value).startswith(f"the store {tmp_path}/store cannot be used: {tmp_path}/store/")
        assert str(caught.value).endswith(f" cannot be read: Permission denied; {NAMED}")


@pytest.mark.parametrize("field", ["data_url", "store_url"])
@pytest.mark.parametrize("name", [" ", "\t", f"/data/{LATIN_1}"])
def test_names_that_nobody_can_pass_on(field: str, name: str) -> None:
    """A blank, or a folder whose name is not UTF-8, is refused where the job is made; it shows as escapes."""
    with pytest.raises(TerminalError, match=rf"^{field} is '.*'; it must be .* a path or URL in UTF-8$") as caught:
        new_job(**({"data": "/d", "store": "/s"} | {field.removesuffix("_url"): name}))
    assert str(caught.value).isprintable()


def test_files_whose_names_are_not_utf_8(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Data may have such names: the digest covers them, and messages escape them."""
    job = small_job(tmp_path, monkeypatch)
    file = tmp_path / "data" / f"{LATIN_1}.txt"
    file.write_text("1")
    started = steps.open_run(job)
    assert steps.stage(started)["remaining_shards"] == [0, 1, 2]
    file.write_text("23")
    with pytest.raises(Exception, match=r"^caf\\udce9\.txt in .* changed since the run started"):
        steps.stage(started)
    inputs = FileInputs.at(str(tmp_path / "data"))
    assert inputs.digest(inputs.versions()) != Run.of(started).invocation.input_digest
