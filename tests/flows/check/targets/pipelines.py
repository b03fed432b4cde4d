"""Each way to write something as a pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import work  # type: ignore[import-not-found] # beside this file, where it runs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from shared.run.pipeline import Context


class Writes:
    """A pipeline that does one of them for each shard."""

    version = 1
    suffix = ".txt"

    def __init__(self, write: Callable[[int, int], None]) -> None:
        """Write in this way."""
        self.name = write.__name__.replace("_", "-")
        self.write = write

    def process_shard(self, context: Context, shard_id: int, path: Path) -> dict[str, Any]:
        """Write for one shard."""
        self.write(shard_id + 7, context.attempt)
        path.write_text("done")
        return {}

    def aggregate(self, context: Context, shards: list[dict[str, Any]]) -> dict[str, Any]:
        """Nothing is counted."""
        del context
        return {"written": len(shards)}


globals().update({write.__name__: Writes(write) for write in work.ALL})
