"""Clicks per page, from files with one JSON object per line."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any
from zlib import crc32

import fsspec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.run.pipeline import Context


class Clicks:
    """Each shard counts the clicks on its own pages."""

    name = "clicks"
    version = 1  # raise it when the same data gives other output
    suffix = ".json"

    def process_shard(self, context: Context, shard_id: int, path: Path) -> dict[str, Any]:
        """Write the shard's file at ``path``; return a few small facts."""
        counts: Counter[str] = Counter()
        for file in fsspec.open_files(f"{context.data_url}/*.ndjson", "r"):
            with file as lines:
                pages = (json.loads(line)["page"] for line in lines)
                counts.update(page for page in pages if crc32(page.encode()) % context.num_shards == shard_id)
        path.write_text(json.dumps(counts, sort_keys=True))
        return {"pages": len(counts), "clicks": counts.total()}

    def aggregate(self, context: Context, shards: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: ARG002
        """The run's result, from the facts of all shards."""
        return {name: sum(facts[name] for facts in shards) for name in ("pages", "clicks")}

    def records(self, path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
        """Key and fields of each record in a shard's file: what two runs are compared by."""
        yield from ((page, {"clicks": clicks}) for page, clicks in json.loads(path.read_text()).items())

    def generate(self, folder: Path, records: int, seed: int) -> None:
        """Data to try it with, where no ``--data`` is given."""
        lines = (json.dumps({"page": f"/page/{number * 7 % 50 + seed}"}) + "\n" for number in range(records))
        (folder / "clicks.ndjson").write_text("".join(lines))


pipeline = Clicks()
