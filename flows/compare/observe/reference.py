"""Makes two runs without faults and without an orchestrator, as the reference for all cells."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from flows.compare.observe.outputs import published
from flows.compare.observe.results import told_by
from flows.compare.observe.verifying import TIMEOUT, Verified, verified
from shared.isolation import pool
from shared.run import steps
from shared.run.attempts import read_attempts
from shared.run.cores import cores
from shared.run.errors import TerminalError
from shared.run.run import Run
from shared.state.varying import find_varying

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from flows.engine.engine import Engine
    from shared.run.job import Job
    from shared.run.run import JsonObject
    from shared.state.varying import Varying

FRESH = 100  # shards, at most, that the second run processes in a process each


@dataclass(frozen=True)
class Reference:
    """A run without faults.

    Attributes:
        run: The run.
        varying: What differs between two such runs besides records, and is not compared.
        bytes_vary: Whether the bytes of the shards' files also differ.
        checked: The answer of the pipeline's ``verify``.
        verify_seconds: The timeout of a cell's ``verify``.
        step_seconds: The duration of its longest step.
        seconds: The total duration of all its steps.
    """

    run: Run
    varying: tuple[Varying, ...]
    bytes_vary: bool
    checked: Verified
    verify_seconds: float
    step_seconds: float
    seconds: float

    def verify(self, run: Run) -> Verified:
        """Call ``verify`` for another run, unless it gave no answer here."""
        return self.checked if self.checked.failure else verified(run, self.verify_seconds)


def reference_of(engine: Engine, job: Job, timeout: timedelta) -> Reference:
    """Run a job twice: in processes that process several shards, then each step in a new process.

    Args:
        engine: The engine that is not an orchestrator.
        job: The job.
        timeout: The timeout of one step.

    Raises:
        TerminalError: A run fails, or the records of the two runs differ.
    """
    Run.of(job).inputs().check()
    again = replace(job, run_id=f"{job.run_id}-again", store_url=f"{job.store_url}-again")
    first = _finished(job, partial(engine.run, job, max(2, cores())))
    apart = job.num_shards <= FRESH
    second = _finished(again, partial(_in_new_processes, again, timeout) if apart else partial(engine.run, again, 1))
    pool.stop()  # its workers would sit beside the cells for as long as the comparison takes
    varying = tuple(find_varying(told_by(first), told_by(second)))
    difference = published(second, first, varying=varying)
    if difference.wrong:
        raise TerminalError(
            f"there is nothing to compare with, two runs without faults over {job.data_url or 'no data'} differ: "
            f"{'; '.join(difference.differences)[:300]}\nThe second run had a new process for each step. Write the "
            "same records whatever ran in a process before; a pipeline whose files have no records gives `records` or "
            "`digest` to say what counts in them."
        )
    started = time.monotonic()
    checked = verified(first)
    took = [attempt.seconds or 0.0 for attempt in read_attempts(first.store, job.run_id)]
    return Reference(
        run=first,
        varying=varying,
        bytes_vary=bool(difference.other_bytes),
        checked=checked,
        verify_seconds=min(TIMEOUT, 10 + 10 * (time.monotonic() - started)),
        step_seconds=max(took),
        seconds=sum(took),
    )


def _finished(job: Job, run: Callable[[], JsonObject]) -> Run:
    try:
        run()
    except Exception as error:
        first = "\n".join(str(error).splitlines()[:2])
        raise TerminalError(
            f"there is nothing to compare with, a run without faults over {job.data_url or 'no data'} fails:\n{first}\n"
            f"`shardwise run --engine local{f' --data {job.data_url}' if job.data_url else ''}` shows all of it."
        ) from error
    return Run.of(job)


def _in_new_processes(job: Job, timeout: timedelta) -> JsonObject:
    """Run a job's steps one after the other, each in a new process."""
    opened = steps.open_run(job)
    for shard in pool.stage(opened, timeout)["remaining_shards"]:
        pool.stop()
        pool.process_shard(opened, shard, timeout)
    pool.stop()
    return pool.aggregate(opened, timeout)
