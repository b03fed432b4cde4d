"""Old stagings, runs and temporary files of a store: find them, remove them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import fsspec

from shared.run.errors import TerminalError

_AGE = re.compile(r"(\d+)([dhm])")
_UNITS = {"d": "days", "h": "hours", "m": "minutes"}


def parse_age(text: str) -> timedelta:
    """``30d``, ``12h`` or ``15m`` as a time span."""
    if (match := _AGE.fullmatch(text)) is None:
        raise TerminalError(f"the age is {text!r}; it must be like 30d, 12h or 15m")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def find_old(store_url: str, age: timedelta) -> list[str]:
    """The stagings, runs and temporary files in which nothing has changed for an age, as names in the store."""
    files, root = fsspec.core.url_to_fs(store_url)
    latest: dict[str, datetime] = {}
    for folder, depth in (("staged", 2), ("runs", 2), ("tmp", 2)):
        for path, info in files.find(f"{root}/{folder}", detail=True).items():
            name = "/".join(path.removeprefix(root).strip("/").split("/")[:depth])
            latest[name] = max(latest.get(name, datetime.min.replace(tzinfo=UTC)), _changed(info))
    limit = datetime.now(UTC) - age
    return sorted(name for name, changed in latest.items() if changed < limit)


def remove(store_url: str, names: list[str]) -> None:
    """Remove what ``find_old`` found."""
    files, root = fsspec.core.url_to_fs(store_url)
    for name in names:
        files.rm(f"{root}/{name}", recursive=True)


def _changed(info: dict[str, Any]) -> datetime:
    changed = info["mtime"] if "mtime" in info else info["LastModified"]
    return changed if isinstance(changed, datetime) else datetime.fromtimestamp(changed, UTC)
