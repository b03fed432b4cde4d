"""A process that does one shard of a run and nothing else: what an instance with one shard needs."""

import sys
from pathlib import Path

from shared.run.job import make_job
from shared.run.steps import open_run, process_shard, stage

if __name__ == "__main__":
    step, data, store = sys.argv[1:]
    job = make_job(run_id=Path(data).name, data_url=data, store_url=store).to_json()
    if step == "stage":
        stage(open_run(job))
    else:
        process_shard(job | {"invocation": 1}, 0)
