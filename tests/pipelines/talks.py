"""A job that says in each step what it does."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from shared.run.pipeline import Context


def stage(context: Context, folder: Path) -> dict[str, Any]:
    """Say so."""
    context.logger.info("the staging talks")
    (folder / "any").touch()
    return {}


def process_shard(context: Context, shard_id: int, path: Path) -> dict[str, Any]:
    """Say so, from a thread too, and warn in two lines."""
    thread = threading.Thread(target=context.logger.info, args=("a thread of shard %d talks", shard_id))
    thread.start()
    context.logger.warning("shard %d warns\nin two lines", shard_id)
    context.logger.debug("nobody asked for this")
    thread.join()
    path.write_text("")
    return {}


def aggregate(context: Context, shards: list[dict[str, Any]]) -> dict[str, Any]:
    """Say so."""
    context.logger.info("the aggregation of %d shards talks", len(shards))
    return {}


def generate(folder: Path, records: int, seed: int) -> None:
    """Nothing that matters."""
    (folder / "any.txt").write_text(f"{records} {seed}")
