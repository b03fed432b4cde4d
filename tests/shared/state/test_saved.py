from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.run.errors import TerminalError
from shared.run.scratch import scratch
from shared.state.saved import Saved

if TYPE_CHECKING:
    from pathlib import Path


def contents(path: Path) -> dict[str, tuple[str, int]]:
    """Every file and link below a folder, with its content and its mode."""
    found = {}
    for each in sorted(path.rglob("*")):
        text = str(each.readlink()) if each.is_symlink() else each.read_text() if each.is_file() else "folder"
        found[str(each.relative_to(path))] = (text, each.lstat().st_mode)
    return found


def make(path: Path) -> None:
    """A folder with files, a folder and a link."""
    (path / "deep").mkdir(parents=True)
    (path / "a.txt").write_text("a")
    (path / "deep" / "b.txt").write_text("b")
    (path / "deep" / "b.txt").chmod(0o640)
    (path / "link").symlink_to("a.txt")


def test_a_folder_is_made_what_it_was(tmp_path: Path) -> None:
    """Files that were changed, removed, added or replaced by folders are restored, links and modes included."""
    out = tmp_path / "out"
    make(out)
    before = contents(out)
    saved = Saved.save([out], tmp_path / "saved", {})
    (out / "a.txt").unlink()
    (out / "a.txt").mkdir()
    (out / "deep" / "b.txt").write_text("changed")
    (out / "new.txt").write_text("new")
    (out / "link").unlink()
    assert saved.changed() == [out]
    saved.restore()
    assert contents(out) == before
    assert saved.changed() == []
    shutil.rmtree(tmp_path / "saved")
    with pytest.raises(TerminalError, match="has been removed, so nothing can be restored"):
        saved.restore()
    assert contents(out) == before


def test_what_did_not_exist_is_removed(tmp_path: Path) -> None:
    """Also a folder that a run made."""
    saved = Saved.save([tmp_path / "out", tmp_path / "shop.db"], tmp_path / "saved", {})
    make(tmp_path / "out")
    (tmp_path / "shop.db").write_text("x")
    saved.restore()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["saved"]


def test_a_file_that_keeps_size_and_time_is_restored(tmp_path: Path) -> None:
    """A job that sets the time of the last change hides nothing."""
    path = tmp_path / "a.txt"
    path.write_text("before")
    saved = Saved.save([path], tmp_path / "saved", {})
    saved.restore()
    times = path.stat()
    path.write_text("behind")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    saved.restore()
    assert path.read_text() == "before"


def test_a_later_process_finds_the_copy(tmp_path: Path) -> None:
    """With the facts that were saved; after it was forgotten there is none, and half a copy counts as none."""
    path = tmp_path / "a.txt"
    path.write_text("before")
    Saved.save([path], tmp_path / "saved", {"pid": 7})
    path.write_text("after")
    found = Saved.find(tmp_path / "saved")
    assert found is not None
    assert found.facts()["pid"] == 7
    found.restore()
    assert path.read_text() == "before"
    found.forget()
    assert Saved.find(tmp_path / "saved") is None
    (tmp_path / "saved").mkdir()
    assert Saved.find(tmp_path / "saved") is None


NAMES = st.sampled_from(["a", "b", "c"])
FILES = st.dictionaries(st.tuples(NAMES, NAMES), st.text(max_size=3), max_size=5)


@given(FILES, FILES)
def test_any_folder_is_restored(before: dict[tuple[str, str], str], after: dict[tuple[str, str], str]) -> None:
    """Whatever a run makes of it."""
    with scratch() as folder:
        out = folder / "out"
        fill(out, before)
        wanted = contents(out)
        saved = Saved.save([out], folder / "saved", {})
        for each in list(out.iterdir()):
            each.rename(folder / f"gone-{each.name}")
        fill(out, after)
        saved.restore()
        assert contents(out) == wanted


def fill(folder: Path, files: dict[tuple[str, str], str]) -> None:
    """Write files into folders of a folder."""
    folder.mkdir(exist_ok=True)
    for (inner, name), text in files.items():
        (folder / inner).mkdir(exist_ok=True)
        (folder / inner / name).write_text(text)
