"""The points of a step where faults can be injected. Without a plan they do nothing, and no fault code is imported."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from shared.run.job import Job
    from shared.run.store import Store


class FaultPoints(Protocol):
    """The points of one attempt where faults can be injected."""

    def before_work(self) -> None:
        """The attempt is claimed and has not read anything."""

    def before_write(self, path: Path) -> None:
        """The output is about to be written to a path."""

    def during(self, work: Callable[..., Any]) -> AbstractContextManager[None]:
        """A block in which the pipeline's own function runs."""

    def before_commit(self) -> None:
        """The output is written and not committed."""

    def after_commit(self) -> None:
        """The step is committed and the result is not reported."""


class _NoFaults:
    def before_work(self) -> None:
        """Do nothing."""

    def before_write(self, path: Path) -> None:
        """Do nothing."""

    def during(self, work: Callable[..., Any]) -> AbstractContextManager[None]:
        """Do nothing."""
        del work
        return nullcontext()

    def before_commit(self) -> None:
        """Do nothing."""

    def after_commit(self) -> None:
        """Do nothing."""


_NONE = _NoFaults()


def fault_points(store: Store, job: Job, step: str, attempt: int) -> FaultPoints:
    """Return the points of an attempt (from 1) at a step."""
    if not job.faults:
        return _NONE
    from shared.faults.injector import FaultInjector

    return FaultInjector.of(store, job, step, attempt)
