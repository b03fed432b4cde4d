"""A pipeline that is right in a run without faults, and not in a cell: only processes of cells may inject faults."""

from __future__ import annotations

import os
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.run.pipeline import Context

LINGERS = os.environ.get("LINGERS") and "flows.compare.observe.driver" in sys.orig_argv
if LINGERS:  # the process of a caller, which does not end when it has its answer
    threading.Thread(target=time.sleep, args=(600,)).start()


@dataclass(frozen=True)
class Parameters:
    """When it writes each record once more: ``twice`` in each cell, ``again`` in each attempt after the first."""

    lie: str = ""


class Lying:
    """Each shard writes its own number."""

    name, suffix = "lying", ".txt"
    parameters = Parameters

    def process_shard(self, context: Context, shard_id: int, path: Path) -> dict[str, Any]:
        """One line, or two."""
        lies = {"twice": os.environ.get("SHARDWISE_ALLOW_FAULTS") == "true", "again": context.attempt > 1}
        path.write_text(f"{shard_id}\n" * (2 if lies.get(context.parameters.lie) else 1))
        return {"lines": 1}

    def aggregate(self, context: Context, shards: list[dict[str, Any]]) -> dict[str, Any]:
        """Their sum."""
        del context
        return {"lines": sum(shard["lines"] for shard in shards)}

    def records(self, path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
        """A record per line."""
        yield from ((line, {}) for line in path.read_text().splitlines())


pipeline = Lying()
