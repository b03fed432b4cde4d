"""The doors of ``work``, each call in a process of its own: a kill, a hang, a lack of memory is a failed attempt only.

One warm pool per process, made on first use. A dead worker fails its own shard only, and is replaced. One that dies
without work breaks pebble's pool for good, and the pool is replaced.
"""

from __future__ import annotations

import atexit
import os
import threading
from concurrent.futures import BrokenExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING

from shared import work
from shared.errors import TerminalError, TransientError
from shared.job import MergeJob
from shared.ledger import record_death, shard_step
from shared.policy import SHARD_POLICY

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.context import ForkServerContext

    import pebble

    from shared.run import JsonObject

_lock = threading.Lock()
_pool: pebble.ProcessPool | None = None


def isolated() -> bool:
    """Whether ``SHARDWISE_ISOLATION`` asks for processes: ``process``, the default, or ``none``."""
    choice = os.environ.get("SHARDWISE_ISOLATION") or "process"
    if choice not in {"process", "none"}:
        raise TerminalError(f"SHARDWISE_ISOLATION is {choice!r}; it must be process or none")
    return choice == "process"


def cores() -> int:
    """The processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def warm(workers: int) -> None:
    """Start the pool of this process in the background: its workers import what they need while others work."""
    threading.Thread(target=start, args=(workers,), daemon=True).start()


def start(workers: int) -> None:
    """Start the pool of this process, unless it has one that works."""
    global _pool  # noqa: PLW0603 — one pool per process is the point
    import pebble

    with _lock:
        if _pool is not None and not _pool.active:
            _end()
        if _pool is None:
            _pool = pebble.ProcessPool(max_workers=workers, context=_context(), initializer=work.preload)
            _pool.schedule(os.getpid)  # a pool starts its processes with its first work


def stop() -> None:
    """Stop the pool of this process, if it has one, and wait until its workers are gone."""
    with _lock:
        _end()


def _end() -> None:
    global _pool  # noqa: PLW0603 — the same
    if _pool is not None:
        _pool.stop()  # type: ignore[no-untyped-call]
        _pool.join()
        _pool = None


atexit.register(stop)


def stage_sources(job: JsonObject) -> JsonObject:
    """The same as ``work.stage_sources``, in a process of the pool."""
    return _run("stage", work.stage_sources, job)


def process_shard(job: JsonObject, shard_id: int) -> JsonObject:
    """The same as ``work.process_shard``, in a process of the pool.

    Raises:
        TransientError: Also when the process died, or took longer than the policy's timeout and was killed.
    """
    return _run(shard_step(shard_id), work.process_shard, job, shard_id)


def aggregate_results(job: JsonObject) -> JsonObject:
    """The same as ``work.aggregate_results``, in a process of the pool."""
    return _run("aggregate", work.aggregate_results, job)


def _run(step: str, door: Callable[..., JsonObject], job: JsonObject, *rest: int) -> JsonObject:
    if not isolated():
        return door(job, *rest)
    import pebble

    timeout = SHARD_POLICY.timeout.total_seconds()
    try:
        result: JsonObject = _scheduled(timeout, door, job, *rest).result()
    except pebble.ProcessExpired as error:
        reason = (
            f"killed by signal {-error.exitcode}" if error.exitcode < 0 else f"gone with exit status {error.exitcode}"
        )
        raise _buried(job, step, reason, error.pid) from error
    except TimeoutError as error:
        raise _buried(job, step, f"killed after {timeout:g} s, the longest an attempt may run", None) from error
    except BrokenExecutor as error:
        raise _buried(job, step, "stopped with its pool", None) from error
    return result


def _scheduled(
    timeout: float, door: Callable[..., JsonObject], job: JsonObject, *rest: int
) -> pebble.ProcessFuture[JsonObject]:
    start(cores())
    assert _pool is not None  # noqa: S101 — narrows the type for the checker
    try:
        return _pool.schedule(_in_worker, args=(door, job, *rest), timeout=timeout)
    except RuntimeError as error:
        raise TransientError(
            f"the pool of processes broke just now ({error}); the next attempt has a new one"
        ) from error


def _in_worker(door: Callable[..., JsonObject], job: JsonObject, *rest: int) -> JsonObject:
    """The attempt itself; only the pool may say TimeoutError, for then it has killed the worker."""
    try:
        return door(job, *rest)
    except TimeoutError as error:
        raise TransientError(f"timed out: {error}") from error


def _buried(job: JsonObject, step: str, reason: str, pid: int | None) -> TransientError:
    """Record the end that the dead process could not; return what its attempt failed with."""
    record_death(MergeJob.from_json(job), step, reason, pid)
    return TransientError(f"the process of {step} was {reason}")


def _context() -> ForkServerContext:
    """Workers are forked from a server that has imported what they need and runs no thread: it takes milliseconds."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["shared.fork_server"])
    return context
