"""Runs one start of a run in its own process: ``python -m flows.compare.observe.driver`` reads it from stdin."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

from flows.registry import COLUMNS
from shared.run.job import Job


def main() -> None:
    """Run the job on its column and record the end as the engine's caller sees it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    given = json.load(sys.stdin)
    answer = Path(given["answer"])
    try:
        start = COLUMNS[given["column"]].start
        assert start is not None  # noqa: S101 — the registry sets it
        result = start(Job.from_json(given["job"]), given["workers"])
    except BaseException as error:
        answer.write_text(json.dumps({"completed": False, "error": f"{type(error).__name__}: {error}"}))
        raise
    answer.write_text(json.dumps({"completed": True, "result": result}, default=str))


if __name__ == "__main__":
    main()
