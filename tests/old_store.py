"""A run as version 0.1 left it in a store, file by file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

LEVELS = {"LOW": 2, "MEDIUM": 0, "HIGH": 0}
RESULT: dict[str, Any] = {
    "run_id": "old",
    "engine": "local",
    "profiles_generated": 2,
    "records_processed": 3,
    "shards_processed": 1,
    "shard_timings": [{"shard_id": 0, "count": 2, "elapsed_ms": 5, "attempt": 1}],
    "statistics": {"avg_health_score": 50.0, "churn_distribution": LEVELS, "expansion_distribution": LEVELS},
    "digest": "v1:2:" + "0" * 31 + "1",
    "rejects": 0,
    "customers_with_rejects": 0,
    "duplicates": {"crm": 1, "billing": 0, "product": 0, "support": 0},
    "unknown_values": {},
    "sample_profile": None,
}


def write_old_run(store: Path, data: Path, *, finished: bool) -> dict[str, Any]:
    """Write a run ``old`` of one shard, committed, with or without its result; return the result."""
    job = {"run_id": "old", "data_url": str(data), "store_url": str(store), "num_shards": 1, "max_rejects": "0"}
    job |= {"engine": "local", "redact": False, "invocation": 0, "faults": []}
    folder = store / "runs" / "old"
    result = RESULT | {"output": f"{folder}/profiles"}
    manifest = {
        "shard_id": 0,
        "customers": 2,
        "digest": RESULT["digest"],
        "output": "runs/old/profiles/shard-000.parquet",
    }
    _write(folder / "job.json", {"input_digest": "a" * 64, "num_shards": 1, "contract_version": 1, "job": job})
    _write(folder / "invocations" / "1.json", {"pid": 1, "host": "here", "claimed_at": "2026-01-31T00:00:00+00:00"})
    _write(folder / "manifests" / "shard-000.json", manifest)
    if finished:
        _write(folder / "result.json", result)
    return result


def _write(path: Path, value: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1) + "\n")
