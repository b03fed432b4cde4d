"""Runs each step in its own process, so a kill, hang or out-of-memory fails one attempt only.

Warm workers are reused by later calls. A dead worker fails its own call only, and the next call gets another worker.
"""

from __future__ import annotations

import atexit
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from shared.isolation.server import isolated
from shared.isolation.worker import DiedError, Worker
from shared.run import steps
from shared.run.errors import TerminalError, TransientError
from shared.run.ledger import record_worker_death
from shared.run.log import OURS, Logger
from shared.run.step_names import AGGREGATE, STAGE, shard_step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import timedelta

    from shared.run.job import Job
    from shared.run.run import JsonObject

_lock = threading.Lock()
_idle: list[Worker] = []
_busy: set[Worker] = set()
_cut_off = threading.Event()  # no further calls are accepted
_leaving = threading.Event()  # this process is ending, and a new worker might not be ended with it


def warm() -> None:
    """Start a worker in the background, so that it is ready for the first step."""
    threading.Thread(target=start, args=(1,), daemon=True).start()


def start(workers: int) -> None:
    """Start workers until this process has that many."""
    with _lock:
        while len(_idle) + len(_busy) < workers and not _leaving.is_set():
            _idle.append(Worker())


def stop() -> None:
    """End all workers of this process; running calls fail."""
    with _lock:
        for worker in _busy:
            worker.kill()
        while _idle:
            _idle.pop().stop()


def _leave() -> None:
    _leaving.set()
    stop()


atexit.register(_leave)


@contextmanager
def bound() -> Iterator[None]:
    """End calls made in this block together with it: Ctrl-C or a cancel ends running calls and refuses further ones.

    Other errors let all calls finish.
    """
    _cut_off.clear()
    try:
        yield
    except Exception:
        raise
    except BaseException:
        _cut_off.set()
        stop()
        raise


def stage(job: Job, timeout: timedelta, logger: Logger = OURS) -> JsonObject:
    """Run ``steps.stage`` in a worker."""
    return _run(STAGE, timeout, logger, steps.stage, job)


def process_shard(job: Job, shard_id: int, timeout: timedelta, logger: Logger = OURS) -> JsonObject:
    """Run ``steps.process_shard`` in a worker.

    Raises:
        TransientError: In addition: the process died, or was killed because it exceeded the timeout.
    """
    return _run(shard_step(shard_id), timeout, logger, steps.process_shard, job, shard_id)


def aggregate(job: Job, timeout: timedelta, logger: Logger = OURS) -> JsonObject:
    """Run ``steps.aggregate`` in a worker."""
    return _run(AGGREGATE, timeout, logger, steps.aggregate, job)


def _run(
    step: str, timeout: timedelta, logger: Logger, function: Callable[..., JsonObject], job: Job, *rest: int
) -> JsonObject:
    if not isolated():
        return function(job, *rest, logger=logger)
    with _worker() as worker:
        if _cut_off.is_set():
            raise TerminalError(f"{step} was not started, because its run was stopped")
        try:
            error, result = worker.ask(timeout.total_seconds(), function, job, *rest, logger=logger)
        except DiedError as died:
            raise _record_crash(job, step, str(died), worker.pid, logger) from died
        except TimeoutError as silent:
            worker.stop()  # before its end is recorded
            reason = f"killed after {timeout.total_seconds():g} s, the longest an attempt may run"
            raise _record_crash(job, step, reason, worker.pid, logger) from silent
    if error is not None:
        raise error
    answer: JsonObject = result
    return answer


@contextmanager
def _worker() -> Iterator[Worker]:
    """Provide a worker for one call. A worker that answered is kept; one whose call was interrupted is killed."""
    with _lock:
        if _leaving.is_set():
            raise DiedError("not started, because this process is ending")
        alive = [worker for worker in _idle if worker.alive]
        worker = alive.pop() if alive else Worker()
        _idle[:] = alive
        _busy.add(worker)
    try:
        yield worker
    except BaseException:
        with _lock:
            _busy.remove(worker)
        worker.stop()
        raise
    with _lock:
        _busy.remove(worker)
        _idle.append(worker)


def _record_crash(job: Job, step: str, reason: str, pid: int | None, logger: Logger) -> TransientError | TerminalError:
    """Record and log the end of an attempt whose process died; return the error of the attempt."""
    record_worker_death(job, step, reason, pid)
    logger.warning("event=attempt_died run_id=%s step=%s error=%r", job.run_id, step, reason)
    if _cut_off.is_set():
        return TerminalError(f"the process of {step} was ended, because its run was stopped")
    return TransientError(f"the process of {step} was {reason}")
