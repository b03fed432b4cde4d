"""Attempts, recorded before the work starts, independent of any engine.

An attempt claims its number by creating a file that must not exist, and records its end in a second one. A kill -9
leaves a claim without an end: evidence. Whoever watched the process die may record that end, marked
``ended_by: watcher``.
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
    """One claimed attempt at one step of a run.

    Attributes:
        name: The claim's name in the store, without ``.json``.
        number: Counts from 1 within an invocation.
        outcome: What the end will say; the step sets it.
    """

    name: str
    number: int
    outcome: str = "done"
    started: float = field(default_factory=time.monotonic)

    @property
    def elapsed_ms(self) -> int:
        """Milliseconds since the claim."""
        return round((time.monotonic() - self.started) * 1000)


def invocations_named(names: Iterable[str]) -> list[int]:
    """The starts of a run whose files have these names, ascending; other files are none of ours."""
    return sorted(int(match[1]) for match in map(_INVOCATION.fullmatch, names) if match)


def attempts_folder(run_id: str) -> str:
    """Where a run's attempts are recorded."""
    return f"runs/{run_id}/attempts"


def claim_invocation(store: Store, folder: str, details: dict[str, Any]) -> int:
    """Claim the next start of a run in its folder of invocations: 1 for the first."""
    return _claim(store, lambda number: f"{folder}/{number}.json", details, durable=True)


@contextmanager
def attempt(store: Store, job: Job, step: str) -> Iterator[Claim]:
    """Claim the next attempt at a step of the job's invocation, then record how the block ended.

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
    """How many attempts at a step of the job's invocation were claimed, for engines that number none.

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
    """Record the end of a step's attempts that have none, for a watcher that saw their process die.

    Args:
        job: The opened job the attempt belonged to.
        step: ``stage``, a ``shard_step`` or ``aggregate``.
        reason: What the watcher saw, such as ``killed by signal 9``.
        pid: The process that died on this machine, where the watcher knows it: attempts of other processes, and of the
            same number on other machines, stay untouched.
    """
    store = open_store(job.store_url)
    dead = None if pid is None else (socket.gethostname(), pid)
    for entry in read_attempts(store, job.run_id, _claims(job, step)):
        if entry["end"] is None and dead in {None, (entry["host"], entry["pid"])}:
            _end(store, entry["name"], outcome="died", error=reason, ended_by="watcher")


def read_attempts(store: Store, run_id: str, beginning: str = "") -> list[dict[str, Any]]:
    """All attempts of a run, oldest first: the claim, ``step``, ``invocation``, ``attempt``, ``end`` (None without).

    What a power cut left empty, or another program put there, is left out.

    Args:
        store: Has the run.
        run_id: Names it.
        beginning: Of the names of the claims that are wanted.
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
    """How the names of a step's claims begin."""
    return f"{step}.invocation-{job.invocation}.attempt-"


def _claim(store: Store, name: Callable[[int], str], details: dict[str, Any], *, durable: bool) -> int:
    claim = {"pid": os.getpid(), "host": socket.gethostname(), "claimed_at": _now(), "monotonic": time.monotonic()}
    return next(number for number in count(1) if create_json(store, name(number), claim | details, durable=durable))


def _end(store: Store, name: str, *, outcome: str, **details: object) -> None:
    end = {"outcome": outcome, "ended_at": _now(), "monotonic": time.monotonic(), "ended_by": "attempt"} | details
    create_json(store, f"{name}.end.json", end, durable=False)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
