"""A job as its engine runs it, unchanged: how it is recognised, followed and run. Each engine provides one ``Target``.

``recognises``, ``prepare``, ``run`` and ``work`` run in a process that has loaded the job, or in a fork of it; ``open``
runs in the process that controls the check.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from shared.state.table import State
    from shared.tracing.probe import Probe

Json = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """What the user wants to check.

    Attributes:
        reference: ``file.py:name`` or ``module:name``.
        folder: The folder where the job runs, absolute.
        work: A folder for files that all processes of the job share, absolute.
        parameters: The job's parameters, as ``key=value``.
        input: The arguments of its first task as JSON; empty for none.
        task: The name of its first task, if a job has several.
    """

    reference: str
    folder: Path
    work: Path
    parameters: tuple[str, ...] = ()
    input: str = ""
    task: str = ""

    def to_json(self) -> Json:
        """Return JSON for a process of the job."""
        return vars(self) | {"folder": str(self.folder), "work": str(self.work)}

    @classmethod
    def from_json(cls, given: Json) -> Request:
        """Return the request of ``to_json``."""
        paths = {name: Path(given[name]) for name in ("folder", "work")}
        return cls(**given | paths | {"parameters": tuple(given["parameters"])})


@dataclass(frozen=True)
class Loaded:
    """A job in a process that has loaded it.

    Attributes:
        thing: The object that its reference names.
        reference: The name in this process: ``module:name``.
        request: The user's request.
        probe: Follows its functions.
    """

    thing: Any
    reference: str
    request: Request
    probe: Probe


@dataclass(frozen=True)
class Prepared:
    """What is known about a job before it runs.

    Attributes:
        tasks: The names of the followed tasks.
        not_checked: What is not followed, one sentence each.
        retry_seconds: The longest total wait of the engine's retries of one task.
    """

    tasks: tuple[str, ...]
    not_checked: tuple[str, ...] = ()
    retry_seconds: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        completed: Whether the engine reports success.
        message: The last message of the run, in one line.
    """

    completed: bool
    message: str = ""


class Fork(Protocol):
    """A fork that runs the job once."""

    def wait(self, seconds: float) -> Outcome | None:
        """Wait and return how it ended; None while it runs."""

    def told(self) -> Json:
        """Return what it has reported about itself."""

    def stop(self) -> None:
        """End it and all processes that it started."""


class Host(Protocol):
    """A process that has loaded the job and forks for each run."""

    def start(self, order: Json) -> Fork:
        """Fork a process that calls ``Target.run`` with an order."""


class JobProcesses(Protocol):
    """Starts processes of the job."""

    @property
    def command(self) -> tuple[str, ...]:
        """Return the command of a process that calls ``Target.work``."""

    def host(self, environment: Mapping[str, str]) -> AbstractContextManager[Host]:
        """Run a process that forks, while the block runs."""


class JobRun(Protocol):
    """One run of the job."""

    def wait(self, seconds: float) -> Outcome | None:
        """Wait for the end, including the engine's retries; None while it runs."""

    def stop(self) -> None:
        """End it and all processes that it started."""


class Runner(Protocol):
    """An engine that is ready to run the job.

    Attributes:
        served_by: What runs it, with its version.
        can_retry: Whether a run can be started again with its name.
        assumes_dead: Whether it treats a stopped process as dead and makes another attempt.
    """

    served_by: str
    can_retry: bool
    assumes_dead: bool

    def start(self) -> JobRun:
        """Start a new run."""

    def retry(self, run: JobRun) -> JobRun | None:
        """Start a run again with its name, whether it ended or is stopped; None without ``can_retry``."""

    def published(self, run: JobRun) -> State:
        """Return the output of a completed run that the engine itself keeps."""

    def unfollowed(self, run: JobRun, followed: Mapping[str, int]) -> list[str]:
        """Return the tasks that a completed run called and that are not followed, one sentence each.

        Args:
            run: A completed run.
            followed: The number of runs of each followed task.
        """

    def forget(self) -> None:
        """Remove what earlier runs left in the engine, such as results that it would reuse."""


class Target(Protocol):
    """A kind of job.

    Attributes:
        title: The name for people, such as ``flow``.
    """

    title: str

    def recognises(self, thing: object) -> bool:
        """Whether an object of a module is such a job."""

    def prepare(self, job: Loaded) -> Prepared:
        """Have the functions of its tasks followed; a TerminalError if the request cannot be run."""

    def run(self, job: Loaded, order: Json, tell: Callable[[Json], None]) -> Outcome:
        """Run it once, in a fork. ``tell`` reports what must be known even if the fork dies."""

    def work(self, job: Loaded) -> None:
        """Do the work of a process that the engine itself started."""

    def open(self, request: Request, launcher: JobProcesses) -> AbstractContextManager[Runner]:
        """Provide the engine, ready to run the job, while the block runs."""


@dataclass
class ForkedRun:
    """A run that is one process of a host.

    Attributes:
        process: The fork.
        order: The order of the fork.
    """

    process: Fork
    order: Json = field(default_factory=dict)

    def wait(self, seconds: float) -> Outcome | None:
        """Wait for the end of the process; None while it runs."""
        return self.process.wait(seconds)

    def stop(self) -> None:
        """End the process and all processes that it started."""
        self.process.stop()
