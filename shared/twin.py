"""Another attempt at a shard, for the fault ``twin``: ``python -m shared.twin`` reads job and shard from its input."""

from __future__ import annotations

import json
import sys

from shared import work


def main() -> None:
    """Process the shard."""
    given = json.load(sys.stdin)
    work.process_shard(given["job"], given["shard"])


if __name__ == "__main__":
    main()
