"""Injects the planned faults of an attempt, and leaves evidence that each one fired."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from shared.faults import actions
from shared.faults.midway import in_the_middle
from shared.faults.plan import BEFORE_WORK
from shared.run.store import Store, create_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from shared.run.job import Job


@dataclass(frozen=True)
class FaultInjector:
    """The faults that are planned for one attempt at one step.

    Attributes:
        kinds: The kinds of planned faults.
        store: The job's store, where the evidence is written.
        job: The opened job.
        step: ``stage``, a shard's step or ``aggregate``.
        attempt: The attempt's number, from 1.
    """

    kinds: frozenset[str]
    store: Store
    job: Job
    step: str
    attempt: int

    @classmethod
    def of(cls, store: Store, job: Job, step: str, attempt: int) -> Self:
        """Return the faults that are planned for an attempt."""
        own = (fault for fault in job.faults if job.invocation == 1 and fault.step == step)
        kinds = frozenset(fault.kind for fault in own if attempt in fault.attempts)
        return cls(kinds, store, job, step, attempt)

    def before_work(self) -> None:
        """Inject the faults that come before the attempt reads anything."""
        for kind in BEFORE_WORK:
            self._inject(kind, getattr(actions, kind))

    def before_write(self, path: Path) -> None:
        """Inject the faults that affect the write of a shard's file."""
        self._inject("disk_full", lambda: actions.disk_full(path))

    @contextmanager
    def during(self, work: Callable[..., Any]) -> Iterator[None]:
        """Inject the faults in the middle of the pipeline's work; without such a fault, no lines are followed."""
        if not self.kinds & {"kill_midway", "overlap_midway"}:
            yield
            return
        with in_the_middle(work, self._midway):
            yield

    def _midway(self) -> None:
        self._inject("overlap_midway", lambda: actions.duplicate_attempt(self.job, self.step))
        self._inject("kill_midway", actions.kill)

    def before_commit(self) -> None:
        """Inject the faults between the write of the results and their commit."""
        self._inject("source_vanishes", lambda: actions.source_vanishes(self.job.data_url))
        self._inject("duplicate_attempt", lambda: actions.duplicate_attempt(self.job, self.step))
        self._inject("store_away", actions.store_away)
        self._inject("torn_write", actions.kill)

    def after_commit(self) -> None:
        """Inject the faults between the commit of the step and the report of it."""
        self._inject("crash_after_commit", actions.kill)

    def _inject(self, kind: str, action: Callable[[], None]) -> None:
        if kind in self.kinds:
            where = f"{self.step}.invocation-{self.job.invocation}.attempt-{self.attempt}.{kind}"
            evidence = {"kind": kind, "step": self.step, "attempt": self.attempt}
            create_json(self.store, f"{evidence_folder(self.job.run_id)}/{where}.json", evidence)
            action()


def evidence_folder(run_id: str) -> str:
    """Return the folder in which a run's faults leave a file each before they fire."""
    return f"runs/{run_id}/faults"
