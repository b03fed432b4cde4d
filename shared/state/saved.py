"""Saves copies of files and folders and restores them, also from a later process."""

from __future__ import annotations

import json
import os
import shutil
import stat
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from shared.run.errors import TerminalError
from shared.state.files import LEFT_OUT

if TYPE_CHECKING:
    from collections.abc import Iterable

MANIFEST = "saved.json"
Stamp = tuple[int, ...]


@dataclass
class Saved:
    """Copies in a folder.

    Attributes:
        folder: The folder of the copies.
        paths: The copied paths, absolute, in the order of their folders ``0``, ``1``, ….
    """

    folder: Path
    paths: list[Path]
    _as_restored: dict[Path, Stamp] = field(default_factory=dict, repr=False)

    @classmethod
    def save(cls, paths: Iterable[Path], folder: Path, facts: dict[str, Any]) -> Self:
        """Copy files and folders; the copy counts when it is completely on the disk.

        Args:
            paths: The paths; a path that does not exist now is removed by a restore.
            folder: The folder for the copies, which must not exist.
            facts: What a later process must know, such as the process that saved.
        """
        saved = cls(folder, [Path(os.path.abspath(path)) for path in paths])  # noqa: PTH100 — links stay links
        folder.mkdir(parents=True)
        for number, path in enumerate(saved.paths):
            _copy(path, folder / str(number))
        manifest = {"paths": [str(path) for path in saved.paths], **facts}
        new = folder / f"{MANIFEST}.new"
        new.write_text(json.dumps(manifest, indent=1))
        os.sync()
        new.rename(folder / MANIFEST)
        return saved

    @classmethod
    def find(cls, folder: Path) -> Self | None:
        """Return the copies that an earlier process saved; None if there is no complete copy."""
        try:
            paths = json.loads((folder / MANIFEST).read_text())["paths"]
        except (FileNotFoundError, ValueError, KeyError):
            return None
        return cls(folder, [Path(path) for path in paths])

    def facts(self) -> dict[str, Any]:
        """Return the facts that were saved."""
        facts: dict[str, Any] = json.loads((self.folder / MANIFEST).read_text())
        return facts

    def restore(self) -> None:
        """Restore every path; files that have not changed since the last time stay untouched.

        Raises:
            TerminalError: The copies have been removed; no path is touched.
        """
        if not (self.folder / MANIFEST).exists():
            raise TerminalError(
                f"the copy of the watched state, {self.folder}, has been removed, so nothing can be restored; "
                "the job must not remove it"
            )
        for number, path in enumerate(self.paths):
            self._restore(self.folder / str(number), path)

    def changed(self) -> list[Path]:
        """Return the paths whose files have another size or modification time than the saved ones."""
        return [path for number, path in enumerate(self.paths) if _differs(self.folder / str(number), path)]

    def forget(self) -> None:
        """Remove the copies."""
        (self.folder / MANIFEST).unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        with suppress(OSError):  # other files are in the folder
            for folder in self.folder.parents[:2]:
                folder.rmdir()

    def _restore(self, copy: Path, path: Path) -> None:
        if _is_folder(copy):
            if not _is_folder(path):
                _remove(path)
                path.mkdir(parents=True)
            kept = {entry.name for entry in copy.iterdir()}
            for entry in path.iterdir():
                if entry.name not in kept | LEFT_OUT:
                    _remove(entry)
            for name in sorted(kept):
                self._restore(copy / name, path / name)
            shutil.copystat(copy, path)
        elif not os.path.lexists(copy):
            _remove(path)
        elif not os.path.lexists(path) or self._as_restored.get(path) != _stamp(path):
            _remove(path)
            _copy(copy, path)
            self._as_restored[path] = _stamp(path)


def _copy(path: Path, to: Path) -> None:
    """Copy a file, link or folder; pipes and sockets are skipped."""
    if _is_folder(path):
        to.mkdir(parents=True, exist_ok=True)
        for entry in path.iterdir():
            if entry.name not in LEFT_OUT:
                _copy(entry, to / entry.name)
        shutil.copystat(path, to)
    elif path.is_symlink() or path.is_file():
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, to, follow_symlinks=False)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _remove(path: Path) -> None:
    if _is_folder(path):
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _stamp(path: Path) -> Stamp:
    facts = path.lstat()
    return (facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)


def _differs(copy: Path, path: Path) -> bool:
    if os.path.lexists(copy) != os.path.lexists(path) or _is_folder(copy) != _is_folder(path):
        return True
    if _is_folder(copy):
        inside = [{entry.name for entry in each.iterdir()} - LEFT_OUT for each in (copy, path)]
        return inside[0] != inside[1] or any(_differs(copy / name, path / name) for name in inside[0])
    if not os.path.lexists(copy):
        return False
    one, two = copy.lstat(), path.lstat()
    return (one.st_size, one.st_mtime_ns, stat.S_IFMT(one.st_mode)) != (
        two.st_size,
        two.st_mtime_ns,
        stat.S_IFMT(two.st_mode),
    )
