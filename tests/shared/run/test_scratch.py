"""Temporary folders: gone when their work is done, and those of killed processes gone with the next."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from shared.run import steps
from shared.run.scratch import own_prefix, scratch
from tests.data import row, write_sources
from tests.shared.attempting import ROOT
from tests.shared.runs import finish, opened

if TYPE_CHECKING:
    from pathlib import Path

MINE = own_prefix()

# The kill comes when the sources are staged and not yet published.
KILLED_WHILE_STAGING = """
import os, signal
from shared.customers import stage
from shared.run import steps
from shared.run.job import Job
stage._write_rejected = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
steps.stage(Job.from_json({job!r}))
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files of this process and those it starts."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


def test_a_killed_staging_leaves_nothing_for_long(tmp_path: Path, temporary: Path) -> None:
    """Half a staging of a killed process is removed by the next attempt, which leaves nothing itself."""
    data = write_sources(tmp_path / "data", crm=[row("a")])
    job = opened(data, tmp_path / "store")
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_WHILE_STAGING.format(job=job.to_json())], cwd=ROOT, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    (left,) = (tmp_path / "store" / "tmp").iterdir()
    (staged,) = left.glob("files-*/crm.*")
    assert staged.stat().st_size > 0
    assert steps.stage(job)["staged"] == "new"
    assert list((tmp_path / "store" / "tmp").iterdir()) == list(temporary.iterdir()) == []
    assert finish(job).result["profiles_generated"] == 1


def test_a_folder_in_use_stays(temporary: Path) -> None:
    """Folders of this process and of others that live are nobody's leftovers."""
    code = (
        "from shared.run.scratch import scratch\nwith scratch() as f: (f / 'x').touch(); print(f, flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdin
        assert other.stdout
        theirs = other.stdout.readline().strip()
        with scratch() as mine:
            (mine / "file").touch()
            with scratch():
                assert {str(path) for path in temporary.iterdir()} >= {str(mine), theirs}
                assert (mine / "file").exists()
        other.communicate("\n", timeout=60)
    assert list(temporary.iterdir()) == []


def test_an_error_leaves_no_folder(temporary: Path) -> None:
    """The folder goes with the block, however it ends."""
    with pytest.raises(FileNotFoundError), scratch() as folder:
        (folder / "nowhere" / "file").touch()
    assert list(temporary.iterdir()) == []


def test_folders_made_at_once_are_not_taken_for_leftovers(temporary: Path) -> None:
    """However many are made and swept at a time, each has its folder to the end; empty leftovers go too."""
    (temporary / f"{MINE}left").mkdir()

    def use(number: int) -> str:
        with scratch() as folder:
            (folder / "file").write_text(str(number))
            return (folder / "file").read_text()

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(use, range(400))) == [str(number) for number in range(400)]
    assert list(temporary.iterdir()) == []


def test_a_folder_of_another_machine_stays(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where machines share a file system without sharing locks, each removes only what its own processes left."""
    monkeypatch.setattr("socket.gethostname", lambda: "there")
    with scratch() as theirs:
        monkeypatch.setattr("socket.gethostname", lambda: "here")
        monkeypatch.setattr("fcntl.flock", lambda *_: None)
        with scratch():
            assert theirs.exists()
    assert list(temporary.iterdir()) == []


def test_a_file_system_without_locks(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There a folder is created and removed as usual, and no folder counts as a leftover."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with scratch() as mine, scratch() as other:
        assert mine.exists()
        assert other.exists()
    assert list(temporary.iterdir()) == []


@pytest.mark.timeout(30)
def test_what_is_not_ours_stays(temporary: Path) -> None:
    """Other programs' files, and a file, a link or a pipe of our name, are left alone and never waited for."""
    (temporary / "shardwise-notes").mkdir()
    (temporary / f"{MINE}file").touch()
    (temporary / f"{MINE}link").symlink_to(temporary / "shardwise-notes")
    os.mkfifo(temporary / f"{MINE}pipe")  # opening it waits for a writer that never comes
    with scratch():
        pass
    left = {"shardwise-notes", f"{MINE}file", f"{MINE}link", f"{MINE}pipe"}
    assert {path.name for path in temporary.iterdir()} == left
