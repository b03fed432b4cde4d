"""Records attempts before their work starts, independent of the engine.

An attempt claims its number by creating a file that must not exist, and records its end in a second file. After a
``kill -9``, the claim has no end. A watcher that saw the process die may record the end, with ``ended_by: watcher``.
"""

from __future__ import annotations

import os
import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any

from shared.run.step_names import AGGREGATE, SHARD, STAGE
from shared.run.store import READERS, Store, create_json, open_store, parse_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from shared.run.job import Job

_STEP = rf"(?P<step>{STAGE}|{AGGREGATE}|{SHARD.pattern})"
_ATTEMPT = rf"{_STEP}\.invocation-(?P<invocation>\d+)\.attempt-(?P<attempt>\d+)"
_RECORD = re.compile(rf"(?P<name>{_ATTEMPT})(?P<end>\.end)?\.json")
_INVOCATION = re.compile(r"([1-9]\d*)\.json")


@dataclass
class Claim:
    """One claimed attempt at one step.

    Attributes:
        name: The claim's name in the store, without ``.json``.
        number: The number within an invocation, from 1.
        outcome: The outcome that the end will record; the step sets it.
    """

    name: str
    number: int
    outcome: str = "done"
    started: float = field(default_factory=time.monotonic)

    @property
    def elapsed_ms(self) -> int:
        """Return the milliseconds since the claim."""
        return round((time.monotonic() - self.started) * 1000)


def invocations_named(names: Iterable[str]) -> list[int]:
    """Return the starts of a run from its file names, ascending; other files are ignored."""
    return sorted(int(match[1]) for match in map(_INVOCATION.fullmatch, names) if match)


def attempts_folder(run_id: str) -> str:
    """Return the folder of a run's attempts."""
    return f"runs/{run_id}/attempts"


def claim_invocation(store: Store, folder: str, details: dict[str, Any]) -> int:
    """Claim the next start of a run in its folder of invocations and return its number, from 1."""
    return _claim(store, lambda number: f"{folder}/{number}.json", details, durable=True)


@contextmanager
def attempt(store: Store, job: Job, step: str) -> Iterator[Claim]:
    """Claim the next attempt at a step of the job's invocation, and record how the block ends.

    Args:
        store: The job's store.
        job: An opened job.
        step: ``stage``, a ``shard_step`` or ``aggregate``.
    """
    prefix = f"{attempts_folder(job.run_id)}/{_claims(job, step)}"
    number = _claim(store, lambda number: f"{prefix}{number}.json", {}, durable=False)
    claimed = Claim(f"{prefix}{number}", number)
    try:
        yield claimed
    except BaseException as error:
        _end(
            store,
            claimed.name,
            outcome="failed",
            error=f"{type(error).__name__}: {error}",
            elapsed_ms=claimed.elapsed_ms,
        )
        raise
    _end(store, claimed.name, outcome=claimed.outcome, elapsed_ms=claimed.elapsed_ms)


def claimed(job: Job, step: str) -> int:
    """Return how many attempts at a step the job's invocation has claimed, for engines that do not number them.

    Args:
        job: An opened job.
        step: ``stage``, a ``shard_step`` or ``aggregate``.
    """
    store, prefix = open_store(job.store_url), f"{attempts_folder(job.run_id)}/{_claims(job, step)}"
    for number in count(1):
        try:
            store.read(f"{prefix}{number}.json")
        except FileNotFoundError:
            return number - 1
    raise AssertionError  # count() never ends


def record_worker_death(job: Job, step: str, reason: str, pid: int | None = None) -> None:
    """Record the end of a step's open attempts, for a watcher that saw their process die.

    Args:
        job: The opened job of the attempt.
        step: ``stage``, a ``shard_step`` or ``aggregate``.
        reason: What the watcher saw, such as ``killed by signal 9``.
        pid: The process on this machine that died, if known; attempts of other processes and machines are not changed.
    """
    store = open_store(job.store_url)
    dead = None if pid is None else (socket.gethostname(), pid)
    for entry in read_attempts(store, job.run_id, _claims(job, step)):
        if entry["end"] is None and dead in {None, (entry["host"], entry["pid"])}:
            _end(store, entry["name"], outcome="died", error=reason, ended_by="watcher")


def read_attempts(store: Store, run_id: str, beginning: str = "") -> list[dict[str, Any]]:
    """Return all attempts, oldest first: the claim, ``step``, ``invocation``, ``attempt``, and ``end`` or None.

    Files that a power cut left empty, and files of other programs, are left out.

    Args:
        store: The store with the run.
        run_id: The run's id.
        beginning: The beginning of the names of the wanted claims.
    """
    folder = attempts_folder(run_id)
    names = [name for name in store.names(folder) if name.startswith(beginning) and _RECORD.fullmatch(name)]
    with ThreadPoolExecutor(READERS) as threads:
        contents = threads.map(parse_json, threads.map(store.read, (f"{folder}/{name}" for name in names)))
        read = {name: each for name, each in zip(names, contents, strict=True) if each and "monotonic" in each}
    claims = [match for match in map(_RECORD.fullmatch, read) if match and not match["end"]]
    return sorted((_entry(folder, match, read) for match in claims), key=lambda entry: entry["claimed_at"])


def _entry(folder: str, match: re.Match[str], read: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return read[match[0]] | {
        "name": f"{folder}/{match['name']}",
        "step": match["step"],
        "invocation": int(match["invocation"]),
        "attempt": int(match["attempt"]),
        "end": read.get(f"{match['name']}.end.json"),
    }


def _claims(job: Job, step: str) -> str:
    """Return the beginning of the names of a step's claims."""
    return f"{step}.invocation-{job.invocation}.attempt-"


def _claim(store: Store, name: Callable[[int], str], details: dict[str, Any], *, durable: bool) -> int:
    claim = {"pid": os.getpid(), "host": socket.gethostname(), "claimed_at": _now(), "monotonic": time.monotonic()}
    return next(number for number in count(1) if create_json(store, name(number), claim | details, durable=durable))


def _end(store: Store, name: str, *, outcome: str, **details: object) -> None:
    end = {"outcome": outcome, "ended_at": _now(), "monotonic": time.monotonic(), "ended_by": "attempt"} | details
    create_json(store, f"{name}.end.json", end, durable=False)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
