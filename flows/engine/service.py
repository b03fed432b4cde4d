"""What serves the cells of a column, as the comparison sees it; this one serves columns that need nothing."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flows.engine.interruption import Interruption
from flows.engine.observed_on import ObservedOn, version_of
from shared.run.ledger import claimed
from shared.run.store import read_json

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Mapping

    from flows.engine.record import Record
    from flows.engine.session import Session
    from shared.run.policy import RetryPolicy
    from shared.run.run import Run

ROOT = Path(__file__).resolve().parents[2]  # of this project, whose code the cells run
POLL_INTERVAL = 0.05  # seconds between two looks
Settings = dict[str, str]


class Service:
    """Serves the cells of one or more columns, from its first use to the end of the comparison."""

    watches = False  # whether it can see when the engine knows of a death
    startup = 0.0  # seconds until the first attempt of a run can begin, beyond those of a process

    def __init__(self, session: Session) -> None:
        """Nothing is started yet; the session has the folder, the choices and the other services."""
        self.session = session

    def not_observable(self) -> str:
        """Why its columns cannot be observed here; empty where they can."""
        return ""

    def prepare(self) -> None:
        """Let what will be needed start while others work."""

    def environment(self, settings: Settings, workers: int) -> Settings:
        """The environment of the process that starts a run, on top of the caller's; what serves it is started.

        Args:
            settings: ``SHARDWISE_*`` of the cell, for whoever makes the attempts.
            workers: Shards at a time.

        Raises:
            TerminalError: It does not start.
        """
        del workers
        return settings

    def store_url(self, folder: Path) -> str:
        """Where a cell with this folder has its store."""
        return str(folder / "store")

    def declared(self, policy: RetryPolicy) -> RetryPolicy:
        """The policy as its tasks have it."""
        return policy

    def refuses(self, seconds: float, shards: int) -> str:
        """Why it does not serve one more start that may take so long; empty when it does."""
        del seconds, shards
        return ""

    def records(self, environment: Settings, run_id: str) -> list[Record]:
        """What the engine itself says of each start of a run, oldest first."""
        del environment, run_id
        return []

    def abandoned(self, run: Run) -> bool:
        """Whether a run's caller waits in vain: everything that could finish the run has been dead for a while."""
        del run
        return False

    def continues(self, run: Run) -> bool:
        """Whether something is alive that could still finish a run whose caller has ended."""
        del run
        return False

    def clear(self, environment: Settings, run_id: str) -> None:
        """End what a cell left running, and start again what it stopped."""

    def observed_on(self) -> ObservedOn:
        """What serves its cells."""
        return ObservedOn.now("shardwise's own loop", f"shardwise {version_of('shardwise')}")

    def ready(self, interruption: Interruption, run: Run) -> bool:
        """Whether it is time: some shards are committed and others are not, and what is planned to hang does."""
        del interruption
        if not 0 < len(run.committed()) < run.job.num_shards:
            return False
        opened = run.job.opened(1)
        return all(claimed(opened, fault.step) for fault in run.job.faults if fault.kind == "hang")

    def interrupt(self, interruption: Interruption, run: Run, caller: subprocess.Popen[str]) -> bool:
        """Do to a run in its middle what a scenario says; return whether that was possible.

        Args:
            interruption: What.
            run: The run.
            caller: The process that started it.
        """
        with suppress(ProcessLookupError):
            if interruption is Interruption.CANCEL:
                caller.send_signal(signal.SIGINT)
            else:
                os.kill(read_json(run.store, run.name("invocations/1.json"))["pid"], signal.SIGKILL)
        return True

    def watch(self, run_id: str) -> Watch:
        """Starts to watch how the engine handles an interruption; here only the caller learns of it."""
        del run_id
        return Watch()


@dataclass(frozen=True)
class Watched:
    """How long an engine took to notice an interruption, or a death that a fault caused, in seconds.

    Attributes:
        known_seconds: Until its record says that the run is over; None: not while watched.
        slot_seconds: Until the run's concurrency slot is free; None: not while watched, or there is none.
        watched_seconds: How long it was watched.
    """

    known_seconds: float | None
    slot_seconds: float | None
    watched_seconds: float


class Watch:
    """How long an engine takes to notice an interruption; of this one nothing is to be seen.

    Attributes:
        known_seconds: From the interruption until the engine says that the run is over; None: not while watched.
        slot_seconds: Until the run's concurrency slot is free; None: not while watched, or there is none.
    """

    def __init__(self) -> None:
        self.known_seconds: float | None = None
        self.slot_seconds: float | None = None
        self._since = time.monotonic()

    @property
    def over(self) -> bool:
        """Whether nothing is left to be seen."""
        return True

    @property
    def elapsed(self) -> float:
        """Seconds since the interruption, on this machine's monotonic clock."""
        return round(time.monotonic() - self._since, 3)

    def look(self) -> None:
        """Ask the engine."""

    def finish(self, ended: Callable[[], bool]) -> Watched | None:
        """Look until all is seen or its time has ended; return the evidence, None where there is none."""
        if self.over and self.known_seconds is None:
            return None
        while not self.over and not ended():
            self.look()
            threading.Event().wait(POLL_INTERVAL)
        return Watched(self.known_seconds, self.slot_seconds, self.elapsed)


def without_ours(environment: Mapping[str, str]) -> Settings:
    """An environment without the settings of this project."""
    return {name: value for name, value in environment.items() if not name.startswith("SHARDWISE_")}
