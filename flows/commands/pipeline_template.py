"""Clicks per day, from one file per day with one JSON object per line."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import fsspec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.run.pipeline import Context

version = 1  # raise it when the same data gives other output
suffix = ".json"  # of the shards' files


def process_shard(context: Context, shard_id: int, path: Path) -> dict[str, Any]:  # noqa: ARG001
    """Write a shard's file to ``path`` and return small facts about it.

    It can run more than once, so other effects must be safe to repeat. Put ``context.run_id`` into the key of rows in a
    database: then a retry replaces them, and another run does not.
    """
    files = fsspec.open_files(f"{context.data_url}/*.ndjson", "r")
    days = {}
    for file in context.mine(files, key=lambda file: file.path):
        with file as lines:
            pages = Counter(json.loads(line)["page"] for line in lines)
        days[PurePath(file.path).stem] = {"clicks": pages.total(), "pages": len(pages)}
    path.write_text(json.dumps(days, sort_keys=True))
    return {"days": len(days), "clicks": sum(day["clicks"] for day in days.values())}


def aggregate(context: Context, shards: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: ARG001
    """Return the run's result from the facts of all shards."""
    return {name: sum(facts[name] for facts in shards) for name in ("days", "clicks")}


# Two functions are enough. These two are optional.


def records(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield key and fields of each record in a shard's file, by which two runs are compared."""
    yield from json.loads(path.read_text()).items()


def generate(folder: Path, records: int, seed: int) -> None:
    """Write sample data, used if ``--data`` is not given."""
    for day in range(20):
        clicks = ({"page": f"/page/{number * 7 % 50 + seed}"} for number in range(day, records, 20))
        (folder / f"day-{day:02}.ndjson").write_text("".join(f"{json.dumps(click)}\n" for click in clicks))
