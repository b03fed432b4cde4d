"""A run as version 0.1 left it in a store, file by file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def write_old_run(store: Path, data: Path) -> None:
    """Write a finished run ``old`` of one shard; its store has no marker."""
    job = {"run_id": "old", "data_url": str(data), "store_url": str(store), "num_shards": 1, "max_rejects": "0"}
    job |= {"engine": "local", "redact": False, "invocation": 0, "faults": []}
    folder = store / "runs" / "old"
    output = "runs/old/profiles/shard-000.parquet"
    _write(folder / "job.json", {"input_digest": "a" * 64, "num_shards": 1, "contract_version": 1, "job": job})
    _write(folder / "invocations" / "1.json", {"pid": 1, "host": "here", "claimed_at": "2026-01-31T00:00:00+00:00"})
    _write(folder / "manifests" / "shard-000.json", {"shard_id": 0, "customers": 2, "output": output})
    _write(folder / "result.json", {"run_id": "old", "engine": "local", "profiles_generated": 2})


def _write(path: Path, value: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1) + "\n")
