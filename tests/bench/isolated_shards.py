"""A process that does the shards of a run one after another and prints the seconds each took, the first left out."""

from __future__ import annotations

import sys
import time

from shared.isolation import pool
from shared.run.job import make_job
from shared.run.policy import shard_policy
from shared.run.steps import open_run

if __name__ == "__main__":
    data, store, shards = sys.argv[1:]
    opened = open_run(make_job(run_id="isolated", data_url=data, store_url=store, num_shards=int(shards)))
    timeout = shard_policy().timeout
    remaining = pool.stage(opened, timeout)["remaining_shards"]
    pool.process_shard(opened, remaining[0], timeout)  # warms
    started = time.perf_counter()
    for shard in remaining[1:]:
        pool.process_shard(opened, shard, timeout)
    print((time.perf_counter() - started) / (len(remaining) - 1))  # noqa: T201 — its result
