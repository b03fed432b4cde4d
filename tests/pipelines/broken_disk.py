"""A job whose shards fail from the third on, as where a disk breaks."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from shared.run.pipeline import Context

GOOD = 2


def process_shard(_context: Context, shard_id: int, path: Path) -> dict[str, Any]:
    """Write a file, or fail."""
    if shard_id >= GOOD:
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    path.write_text("x")
    return {}


def aggregate(_context: Context, _shards: list[dict[str, Any]]) -> dict[str, Any]:
    """Nothing."""
    return {}


def generate(folder: Path, records: int, seed: int) -> None:
    """Nothing that matters."""
    (folder / "any.txt").write_text(f"{records} {seed}")
