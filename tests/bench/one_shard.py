"""A process that does one shard of a run and nothing else, with no more memory than an instance for one shard has."""

import resource
import sys
from pathlib import Path

if __name__ == "__main__":
    step, data, store, limit_mib = sys.argv[1:]
    if limit_mib != "unlimited":  # of memory that it alone uses: heap and anonymous mappings, not files or libraries
        resource.setrlimit(resource.RLIMIT_DATA, (int(limit_mib) << 20, int(limit_mib) << 20))

    from shared.run.new_job import make_job
    from shared.run.steps import open_run, process_shard, stage

    job = make_job(run_id=Path(data).name, data_url=data, store_url=store)
    if step == "stage":
        stage(open_run(job))
    else:
        process_shard(job.opened(1), 0)
