"""One attempt at a shard in a process of its own, which may be killed or start at a sign.

``python -m tests.shared.attempting SHARD`` reads the opened job as one line of standard input, says ``ready``, waits
for another line, and prints the shard's result.
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.run.job import Job

ROOT = Path(__file__).resolve().parent.parent.parent
DEADLINE = 60.0  # seconds for a cold start and a small shard on a busy machine


class Attempting:
    """A process that is about to make an attempt."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    @property
    def pid(self) -> int:
        """The process."""
        return self.process.pid

    def wait_until_ready(self) -> None:
        """Wait until it has imported all it needs."""
        assert _pipe(self.process.stdout).readline() == "ready\n"

    def go(self) -> None:
        """Give the sign to start."""
        start = _pipe(self.process.stdin)
        start.write("\n")
        start.flush()

    def outcome(self) -> tuple[int, Any]:
        """Its exit status, negative for a signal, and the result it printed, None without one."""
        output, _ = self.process.communicate(timeout=DEADLINE)
        return self.process.returncode, json.loads(output) if output else None


@contextmanager
def attempting(job: Job, *shards: int) -> Iterator[list[Attempting]]:
    """A ready process per shard, gone afterwards."""
    with ExitStack() as stack:
        attempts = [Attempting(stack.enter_context(_started(shard))) for shard in shards]
        for attempt in attempts:
            stack.callback(attempt.process.kill)
            stdin = _pipe(attempt.process.stdin)
            stdin.write(json.dumps(job.to_json()) + "\n")
            stdin.flush()
        for attempt in attempts:
            attempt.wait_until_ready()
        yield attempts


def attempt_alone(job: Job, shard: int) -> tuple[int, Any]:
    """Make one attempt; its exit status and result."""
    with attempting(job, shard) as (attempt,):
        attempt.go()
        return attempt.outcome()


def _started(shard: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", __name__, str(shard)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


def main() -> None:
    """Make the attempt."""
    from shared.run import steps
    from shared.run.job import Job

    job = Job.from_json(json.loads(sys.stdin.readline()))
    steps.preload()
    print("ready", flush=True)  # noqa: T201 — read by the process that started this one
    sys.stdin.readline()
    print(json.dumps(steps.process_shard(job, int(sys.argv[1]))))  # noqa: T201 — the same


if __name__ == "__main__":
    main()
