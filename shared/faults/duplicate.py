"""Runs a duplicate attempt: ``python -m shared.faults.duplicate`` runs the step that its standard input names."""

from __future__ import annotations

import json
import sys

from shared.run import steps
from shared.run.job import Job
from shared.run.step_names import AGGREGATE, STAGE


def main() -> None:
    """Run the step."""
    given = json.load(sys.stdin)
    job, step = Job.from_json(given["job"]), given["step"]
    if step == STAGE:
        steps.stage(job)
    elif step == AGGREGATE:
        steps.aggregate(job)
    else:
        steps.process_shard(job, int(step.removeprefix("shard-")))


if __name__ == "__main__":
    main()
