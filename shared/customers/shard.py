"""One shard: extract, merge, score, commit."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from shared.customers.extract import extract, rejected_ids
from shared.customers.merge import align, merge
from shared.customers.row_digest import finish
from shared.customers.schema import EMAIL, KEY
from shared.customers.score import score, unknown_values
from shared.customers.summary import summarise
from shared.run.errors import TerminalError

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from shared.faults.plan import FaultInjector
    from shared.run.run import JsonObject, Run

# A platform's cap is 4 MB; ours keeps the promise that results do not grow with the data.
MAX_RESULT_BYTES = 16 * 1024


def merge_shard(run: Run, shard_id: int, attempt: int, injector: FaultInjector) -> JsonObject:
    """Do the work of one shard and commit it; return the result that counts, which a twin may have committed first."""
    started = time.monotonic()
    finished, result = _profiles(run, shard_id)
    with run.store.publishing(run.profiles_name(shard_id)) as path:
        injector.before_write(path)
        _write(finished, path)
        injector.before_commit()
    elapsed_ms = round((time.monotonic() - started) * 1000)
    result |= {"invocation": run.job.invocation, "attempt": attempt, "elapsed_ms": elapsed_ms}
    if len(json.dumps(result)) > MAX_RESULT_BYTES:
        raise TerminalError(f"shard {shard_id}: its result is larger than {MAX_RESULT_BYTES:,} bytes")
    return run.commit(shard_id, result)


def _profiles(run: Run, shard_id: int) -> tuple[pa.Table, dict[str, Any]]:
    tables = extract(run.store, run.staging, run.staged, shard_id)
    aligned = align(tables)
    profiles = score(merge(aligned))
    finished, digest = finish(profiles, aligned)
    rejected = rejected_ids(run.store, run.staging, run.staged, shard_id)
    return finished, {
        "shard_id": shard_id,
        **summarise(profiles),
        "digest": str(digest),
        "output": run.profiles_name(shard_id),
        "rows": {name: len(table) for name, table in tables.items()},
        "duplicates": aligned.duplicates,
        "unknown_values": unknown_values(profiles),
        "customers_with_rejects": int(aligned.ids.isin(rejected).sum()),
    }


def _write(profiles: pa.Table, path: Path) -> None:
    import pyarrow.parquet as pq

    repeating = [name for name in profiles.column_names if name not in {KEY, EMAIL, "idempotency_key"}]
    pq.write_table(profiles, path, use_dictionary=repeating)
