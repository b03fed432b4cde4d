"""Finds and removes old stagings, runs and temporary files of a store that Shardwise wrote and nothing uses."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import fsspec

from shared.run.errors import TerminalError
from shared.run.marker import MARKER, STORE_FOLDERS, is_marked
from shared.run.store import open_store, read_all_json

_NEVER = datetime.min.replace(tzinfo=UTC)
_AGE = re.compile(r"(\d+)([dhm])")
_UNITS = {"d": "days", "h": "hours", "m": "minutes"}

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_STAGING = rf"staged/{_NAME}-v\d+-[0-9a-f]{{32}}-\d+"
_TEMPORARY = r"tmp/shardwise-scratch-[^/]+"
_RUN_FILE = r"([^/]+|(invocations|ends|attempts|manifests|faults)/[^/]+\.json|[^/]+/shard-\d{3,}[^/]*)"
_IN_A_STORE = rf"({_STAGING}|{_TEMPORARY}|generated/{_NAME}-v\d+)(/.+)?|runs/{_NAME}/{_RUN_FILE}"
_OURS = re.compile(rf"{_IN_A_STORE}|parity/[0-9a-f-]{{36}}/(prefect|render)/({MARKER}|{_IN_A_STORE})")
_EVIDENCE = re.compile(r"(?!runs/).*|runs/[^/]+/(job\.json|invocations/\d+\.json|manifests/shard-\d{3,}\.json)")
_STARTED = re.compile(r"runs/[^/]+/invocations/\d+\.json")
_LEFT_BY_OTHERS = re.compile(r"(\.DS_Store|\._.*|\.nfs[0-9a-f]+|Thumbs\.db|desktop\.ini)")  # created by systems


@dataclass
class _Entry:
    """A staging, a run, or another part of a store that is removed as a whole.

    Attributes:
        changed: When its latest file changed.
        files: The names of its files in the store.
    """

    changed: datetime = _NEVER
    files: list[str] = field(default_factory=list)

    @property
    def is_ours(self) -> bool:
        """Whether all its files have names that Shardwise uses, and one has a name that only Shardwise uses."""
        return all(map(_OURS.fullmatch, self.files)) and any(map(_EVIDENCE.fullmatch, self.files))


def parse_age(text: str) -> timedelta:
    """Parse ``30d``, ``12h`` or ``15m`` as a time span."""
    if (match := _AGE.fullmatch(text)) is None:
        raise TerminalError(f"the age is {text!r}; it must be like 30d, 12h or 15m")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def find_old(store_url: str, age: timedelta) -> list[str]:
    """Return the names of stagings, runs, parity checks and temporary files that have not changed for an age.

    A folder with a file that Shardwise does not write is left out. So is the staging of an unfinished run that has
    changed within the age.

    Raises:
        TerminalError: The folder or bucket is not a store.
    """
    store = open_store(store_url)
    if not is_marked(store):
        raise TerminalError(f"{store_url} has no file {MARKER}, so it is not a store, and nothing in it is removed")
    entries = _entries(store_url, "")
    limit = datetime.now(UTC) - age
    old = {name for name, entry in entries.items() if entry.changed < limit and entry.is_ours}
    return sorted(old - _in_use(store_url, entries, old))


def remove(store_url: str, names: list[str], age: timedelta) -> list[str]:
    """Remove what ``find_old`` found, if it is still that old; return the names that have changed meanwhile and stay.

    A staging's manifest is removed first, so that a run that starts meanwhile creates a new staging.
    """
    files, root = fsspec.core.url_to_fs(store_url)
    kept = []
    for name in names:
        entry = _entries(store_url, name).get(name)
        if entry is None:
            continue
        if entry.changed >= datetime.now(UTC) - age:
            kept.append(name)
            continue
        if f"{name}/staged.json" in entry.files:
            files.rm(f"{root}/{name}/staged.json")
        files.rm(f"{root}/{name}", recursive=True)
    return kept


def _entries(store_url: str, only: str) -> dict[str, _Entry]:
    """Return everything that can be removed as a whole, by name, or only what is below one name."""
    files, root = fsspec.core.url_to_fs(store_url, use_listings_cache=False)
    found: dict[str, _Entry] = defaultdict(_Entry)
    for folder in [only] if only else STORE_FOLDERS:
        for path, info in files.find(f"{root}/{folder}", detail=True).items():
            file = path.removeprefix(root).strip("/")
            if path.endswith("/") or _LEFT_BY_OTHERS.fullmatch(file.rpartition("/")[2]):
                continue
            entry = found["/".join(file.split("/")[:2])]
            entry.changed = max(entry.changed, _changed(info))
            entry.files.append(file)
    return found


def _in_use(store_url: str, entries: dict[str, _Entry], old: set[str]) -> set[str]:
    """Return the stagings of runs that are neither old nor finished."""
    live = [
        file
        for name, entry in entries.items()
        if name.startswith("runs/") and name not in old and f"{name}/result.json" not in entry.files
        for file in entry.files
        if _STARTED.fullmatch(file)
    ]
    return {start["staging"] for start in read_all_json(open_store(store_url), live) if "staging" in start}


def _changed(info: dict[str, Any]) -> datetime:
    changed = info["mtime"] if "mtime" in info else info["LastModified"]
    return changed if isinstance(changed, datetime) else datetime.fromtimestamp(changed, UTC)
