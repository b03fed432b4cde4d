"""What to break on purpose: in which step, on which attempts. Part of the job, so it reaches every engine alike."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

from shared.faults import actions
from shared.run.errors import TerminalError

if TYPE_CHECKING:
    from pathlib import Path

    from shared.run.job import MergeJob

BEFORE_WORK = {
    "exception": "raise an error worth retrying, before any work",
    "terminal": "raise an error that retrying cannot help, before any work",
    "slow": "wait for a second, before any work",
    "hang": "never return, before any work",
    "out_of_memory": "allocate memory until the limit of the process's address space refuses it, before any work",
    "exit_without_result": "leave the own process with exit status 0, before any work",
    "kill": "kill -9 the own process, before any work",
}
ON_SHARDS = {
    "disk_full": "let every write of the profiles fail as on a full disk",
    "twin": "let another process do the same shard when the profiles are written and before they get their name",
}
ON_STAGING = {"source_vanishes": "remove a source, of a copy made for it, when it is read and before that is checked"}
AT_COMMIT = {
    "torn_write": "kill -9 the own process after the results are written and before they count",
    "crash_after_commit": "kill -9 the own process after the commit and before the result is reported",
}
KINDS = BEFORE_WORK | ON_SHARDS | ON_STAGING | AT_COMMIT


@dataclass(frozen=True)
class Fault:
    """One thing to break.

    Attributes:
        kind: One of ``KINDS``.
        shard: The shard it strikes; None strikes the staging.
        attempts: The attempts of the run's first invocation it strikes, counted from 1.
    """

    kind: str
    shard: int | None
    attempts: tuple[int, ...] = (1,)

    def __post_init__(self) -> None:
        """Refuse a fault that nothing would strike.

        Raises:
            TerminalError: The kind is unknown, or the step has none of this kind.
        """
        if self.kind not in tuple(KINDS):
            raise TerminalError(f"a fault's kind is {self.kind!r}; known are {', '.join(KINDS)}")
        if self.shard is None and self.kind in ON_SHARDS:
            raise TerminalError(f"the fault {self.kind} needs the number of a shard; it does not strike the staging")
        if self.shard is not None and self.kind in ON_STAGING:
            raise TerminalError(
                f"the fault {self.kind} strikes the staging; its shard is {self.shard} and must be null"
            )

    def to_json(self) -> dict[str, Any]:
        """All fields as one JSON object."""
        return asdict(self) | {"attempts": list(self.attempts)}

    @classmethod
    def from_json(cls, value: object) -> Self:
        """The fault that ``to_json`` gave, or a TerminalError naming what is wrong."""
        try:
            shard = value["shard"]  # type: ignore[index]
            step = None if shard is None else int(shard)
            return cls(value["kind"], step, tuple(map(int, value["attempts"])))  # type: ignore[index]
        except (KeyError, TypeError, ValueError) as error:
            raise TerminalError(f"a fault is {value!r:.80}; it needs kind, shard and attempts") from error


@dataclass(frozen=True)
class FaultInjector:
    """The faults that are planned for one attempt at one step; without any, every call does nothing.

    Attributes:
        kinds: What is planned.
        job: The opened job of the attempt.
        shard: Its shard; None for the staging.
        attempt: Its number, from 1.
    """

    kinds: frozenset[str]
    job: MergeJob
    shard: int | None
    attempt: int

    @classmethod
    def of(cls, job: MergeJob, shard: int | None, attempt: int) -> Self:
        """What is planned for this attempt."""
        own = (fault for fault in job.faults if job.invocation == 1 and fault.shard == shard)
        return cls(frozenset(fault.kind for fault in own if attempt in fault.attempts), job, shard, attempt)

    def before_work(self) -> None:
        """Strike before the attempt has read anything."""
        for kind in BEFORE_WORK:
            if self._fires(kind):
                getattr(actions, kind)()

    def before_write(self, path: Path) -> None:
        """Strike before the profiles are written to a path."""
        if self._fires("disk_full"):
            actions.disk_full(path)

    def before_commit(self) -> None:
        """Strike between the write of the results and the moment they count."""
        if self._fires("source_vanishes"):
            actions.source_vanishes(self.job.data_url)
        if self.shard is not None and self._fires("twin"):
            actions.twin(self.job.to_json(), self.shard)
        if self._fires("torn_write"):
            actions.kill()

    def after_commit(self) -> None:
        """Strike when the step is committed and nobody knows yet."""
        if self._fires("crash_after_commit"):
            actions.kill()

    def _fires(self, kind: str) -> bool:
        """Whether a kind is planned here; if so a marker in the store says first that it fired."""
        if kind not in self.kinds:
            return False
        from shared.run.ledger import step_of
        from shared.run.store import create_json, open_store

        at = f"{step_of(self.shard)}.invocation-{self.job.invocation}.attempt-{self.attempt}"
        name = f"runs/{self.job.run_id}/faults/{at}.{kind}.json"
        create_json(open_store(self.job.store_url), name, {"kind": kind, "pid": os.getpid()})
        return True
