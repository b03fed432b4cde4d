"""Notes runs before they start on Render's cloud, so that a run whose caller is killed is not forgotten."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from flows.on_render.api import RenderApi

Note = dict[str, Any]  # run_id, key, task, given; root when it is known


def note(file: Path, entry: Note) -> None:
    """Add a line."""
    with file.open("a") as stream:
        stream.write(json.dumps(entry) + "\n")


def read_notes(file: Path) -> list[Note]:
    """Return one note per run, oldest first."""
    found: dict[str, Note] = {}
    for line in file.read_text().splitlines() if file.exists() else ():
        entry = json.loads(line)
        found[entry["key"]] = found.get(entry["key"], {}) | entry
    return list(found.values())


def root_of(api: RenderApi, entry: Note) -> str:
    """Return the root run of a note; without a known id, start it again with its key, which returns the same run."""
    return str(entry.get("root") or api.start(entry["task"], [entry["given"]], entry["key"]))
