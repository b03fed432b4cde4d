"""A duplicate attempt: ``python -m shared.faults.duplicate`` processes the shard that its standard input names."""

from __future__ import annotations

import json
import sys

from shared.run import steps
from shared.run.job import Job


def main() -> None:
    """Process the shard."""
    given = json.load(sys.stdin)
    steps.process_shard(Job.from_json(given["job"]), given["shard"])


if __name__ == "__main__":
    main()
