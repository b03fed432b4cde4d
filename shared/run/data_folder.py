"""Lists the files below a data folder, on this machine or on any file system of fsspec."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from shared.run.marker import MARKER, STORE_FOLDERS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator


def files_here(root: str) -> list[str]:
    """Return the paths of the files below a local folder, relative to it and sorted; links are followed.

    Names that begin with a dot and the files of a store in the folder are left out.

    Raises:
        OSError: A folder is missing, is a file, or is not readable.
    """
    return sorted(os.path.relpath(path, root) for path in _below(root, frozenset()))


def files_there(files: Any, root: str) -> list[str]:  # noqa: ANN401 — fsspec has no types
    """Return the same on a file system of fsspec; raises what the file system raises."""
    found = []
    for folder, folders, entries in files.walk(root, detail=True, on_error="raise"):
        if folder == root and not folders and entries.keys() == {""} and not entries[""]["name"].endswith("/"):
            raise NotADirectoryError(root)
        ours = _ours(entries)
        for name in [name for name in folders if name in ours or name.startswith(".")]:
            del folders[name]
        names = [name for name in entries if name and name not in ours and not name.startswith((".", "?"))]
        found += [f"{folder}/{name}".removeprefix(root).lstrip("/") for name in names]
    return sorted(found)


def _below(folder: str, above: frozenset[str]) -> Iterator[str]:
    real = os.path.realpath(folder)
    if real in above:  # a link to a parent folder
        return
    with os.scandir(folder) as found:
        entries = [entry for entry in found if not entry.name.startswith(".")]
    ours = _ours({entry.name for entry in entries})
    for entry in entries:
        if entry.name in ours:
            continue
        if entry.is_dir():
            yield from _below(entry.path, above | {real})
        elif entry.is_file():
            yield entry.path


def _ours(names: Collection[str]) -> set[str]:
    """Return the names that belong to a store, if the folder is one."""
    return {MARKER, *STORE_FOLDERS} if MARKER in names else set()
