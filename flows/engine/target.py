"""A job as its engine runs it, unchanged: how it is recognised, followed and run. Each engine provides one ``Target``.

``recognises``, ``prepare``, ``run`` and ``work`` are called in a process that has loaded the job, or in a fork of it;
``open`` in the process that decides what is run when.
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
    """What a person asked for.

    Attributes:
        reference: ``file.py:name`` or ``module:name``.
        folder: Where the job runs, absolute.
        work: A folder of ours for what all processes of the job share, absolute.
        parameters: The job's own, as ``key=value``.
        input: The arguments of its first task, as JSON; empty for none.
        task: The name of its first task, where a job may start with several.
    """

    reference: str
    folder: Path
    work: Path
    parameters: tuple[str, ...] = ()
    input: str = ""
    task: str = ""

    def to_json(self) -> Json:
        """For a process of the job."""
        return vars(self) | {"folder": str(self.folder), "work": str(self.work)}

    @classmethod
    def from_json(cls, given: Json) -> Request:
        """As ``to_json`` gave it."""
        paths = {name: Path(given[name]) for name in ("folder", "work")}
        return cls(**given | paths | {"parameters": tuple(given["parameters"])})


@dataclass(frozen=True)
class Loaded:
    """A job in the process that has loaded it.

    Attributes:
        thing: What its reference names.
        reference: A name that finds it in this process: ``module:name``.
        request: What a person asked for.
        probe: Follows its functions.
    """

    thing: Any
    reference: str
    request: Request
    probe: Probe


@dataclass(frozen=True)
class Prepared:
    """What is known of a job before it runs.

    Attributes:
        tasks: The names of those whose functions are followed.
        not_checked: What is not followed, a sentence each.
        retry_seconds: How long the engine's own retries of one task wait altogether, at most.
    """

    tasks: tuple[str, ...]
    not_checked: tuple[str, ...] = ()
    retry_seconds: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        completed: Whether its engine says that it succeeded.
        message: What it said last, in one line.
    """

    completed: bool
    message: str = ""


class Fork(Protocol):
    """A fork that runs the job once."""

    def wait(self, seconds: float) -> Outcome | None:
        """How it ended; None while it runs."""

    def told(self) -> Json:
        """What it has told of itself."""

    def stop(self) -> None:
        """End it with all that it started."""


class Host(Protocol):
    """A process that has loaded the job and forks for each run."""

    def start(self, order: Json) -> Fork:
        """Have a fork call ``Target.run`` with an order."""


class JobProcesses(Protocol):
    """Starts processes of the job."""

    @property
    def command(self) -> tuple[str, ...]:
        """Starts one that calls ``Target.work``."""

    def host(self, environment: Mapping[str, str]) -> AbstractContextManager[Host]:
        """One that forks, as long as the block lasts."""


class JobRun(Protocol):
    """One run of the job."""

    def wait(self, seconds: float) -> Outcome | None:
        """How it ended, its engine's own retries included; None while it runs."""

    def stop(self) -> None:
        """End it with all that it started."""


class Runner(Protocol):
    """An engine that is ready to run the job.

    Attributes:
        served_by: What runs it, with its version.
        can_retry: Whether a run can be started again under its name.
        assumes_dead: Whether it takes a stopped process for a dead one, and makes another attempt by itself.
    """

    served_by: str
    can_retry: bool
    assumes_dead: bool

    def start(self) -> JobRun:
        """Start a new run."""

    def retry(self, run: JobRun) -> JobRun | None:
        """Start a run again under its name, whether it ended or its process is stopped; None without ``can_retry``."""

    def published(self, run: JobRun) -> State:
        """What the engine itself keeps of a completed run's output."""

    def unfollowed(self, run: JobRun, followed: Mapping[str, int]) -> list[str]:
        """The tasks that a completed run called and that are not followed, a sentence each.

        Args:
            run: Has completed.
            followed: How many runs of each followed task it had.
        """

    def forget(self) -> None:
        """Forget what earlier runs left in the engine, such as results that it would use again."""


class Target(Protocol):
    """A kind of job.

    Attributes:
        title: What a person calls it, such as ``flow``.
    """

    title: str

    def recognises(self, thing: object) -> bool:
        """Whether something that a module holds is such a job."""

    def prepare(self, job: Loaded) -> Prepared:
        """Have the functions of its tasks followed; a TerminalError where what was asked for cannot be run."""

    def run(self, job: Loaded, order: Json, tell: Callable[[Json], None]) -> Outcome:
        """Run it once, in a fork; ``tell`` is for what must be known of it even if it dies."""

    def work(self, job: Loaded) -> None:
        """Do what a process does that the engine itself started."""

    def open(self, request: Request, launcher: JobProcesses) -> AbstractContextManager[Runner]:
        """The engine, ready to run the job as long as the block lasts."""


@dataclass
class ForkedRun:
    """A run that is one process of a host.

    Attributes:
        process: The fork.
        order: What it does.
    """

    process: Fork
    order: Json = field(default_factory=dict)

    def wait(self, seconds: float) -> Outcome | None:
        """See ``JobRun``."""
        return self.process.wait(seconds)

    def stop(self) -> None:
        """See ``JobRun``."""
        self.process.stop()
