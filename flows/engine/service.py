"""The service that a column's cells need. This base class is for columns that need no service."""

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

ROOT = Path(__file__).resolve().parents[2]  # this project's code, which the cells run
POLL_INTERVAL = 0.05  # seconds between two polls
Settings = dict[str, str]


class Service:
    """Serves the cells of one or more columns, from its first use to the end of the comparison."""

    watches = False  # whether it can see when the engine notices a death
    startup = 0.0  # seconds until the first attempt of a run can begin, in addition to those of a process

    def __init__(self, session: Session) -> None:
        """Nothing is started yet. The session has the folder, the choices and the other services."""
        self.session = session

    def not_observable(self) -> str:
        """Return why its columns cannot be observed here; empty if they can."""
        return ""

    def prepare(self) -> None:
        """Start what will be needed, while other cells run."""

    def environment(self, settings: Settings, workers: int) -> Settings:
        """Start the service; return the environment of the process that starts a run, in addition to the caller's.

        Args:
            settings: ``SHARDWISE_*`` variables of the cell, for the processes that make attempts.
            workers: The number of parallel shards.

        Raises:
            TerminalError: The service does not start.
        """
        del workers
        return settings

    def store_url(self, folder: Path) -> str:
        """Return the store's address for a cell with this folder."""
        return str(folder / "store")

    def declared(self, policy: RetryPolicy) -> RetryPolicy:
        """Return the policy that its tasks declare."""
        return policy

    def refuses(self, seconds: float, shards: int) -> str:
        """Return why it cannot serve another start of this duration; empty if it can."""
        del seconds, shards
        return ""

    def records(self, environment: Settings, run_id: str) -> list[Record]:
        """Return the engine's own records of each start of a run, oldest first."""
        del environment, run_id
        return []

    def abandoned(self, run: Run) -> bool:
        """Whether the caller waits in vain, because all that could finish the run has been dead for a while."""
        del run
        return False

    def continues(self, run: Run) -> bool:
        """Whether something is alive that can still finish a run whose caller has ended."""
        del run
        return False

    def clear(self, environment: Settings, run_id: str) -> None:
        """End what a cell left running, and restart what it stopped."""

    def observed_on(self) -> ObservedOn:
        """Return what serves its cells."""
        return ObservedOn.now("shardwise's own loop", f"shardwise {version_of('shardwise')}")

    def ready(self, interruption: Interruption, run: Run) -> bool:
        """Whether some shards are committed, others are not, and a planned hang has begun."""
        del interruption
        if not 0 < len(run.committed()) < run.job.num_shards:
            return False
        opened = run.job.opened(1)
        return all(claimed(opened, fault.step) for fault in run.job.faults if fault.kind == "hang")

    def interrupt(self, interruption: Interruption, run: Run, caller: subprocess.Popen[str]) -> bool:
        """Interrupt a run in its middle as a scenario says; return whether that was possible.

        Args:
            interruption: The interruption.
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
        """Start to watch how the engine handles an interruption. Here, only the caller notices it."""
        del run_id
        return Watch()


@dataclass(frozen=True)
class Watched:
    """How long an engine took to notice an interruption, or a death that a fault caused, in seconds.

    Attributes:
        known_seconds: Until the engine's record says that the run is over; None if it did not while watched.
        slot_seconds: Until the run's concurrency slot is free; None if it was not while watched, or there is none.
        watched_seconds: How long it was watched.
    """

    known_seconds: float | None
    slot_seconds: float | None
    watched_seconds: float


class Watch:
    """Watches how long an engine takes to notice an interruption. This base class sees nothing.

    Attributes:
        known_seconds: From the interruption until the engine says that the run is over; None if it has not.
        slot_seconds: From the interruption until the run's concurrency slot is free; None if it is not, or there is
            none.
    """

    def __init__(self) -> None:
        self.known_seconds: float | None = None
        self.slot_seconds: float | None = None
        self._since = time.monotonic()

    @property
    def over(self) -> bool:
        """Whether nothing is left to watch."""
        return True

    @property
    def elapsed(self) -> float:
        """Return the seconds since the interruption, on this machine's monotonic clock."""
        return round(time.monotonic() - self._since, 3)

    def look(self) -> None:
        """Ask the engine once."""

    def finish(self, ended: Callable[[], bool]) -> Watched | None:
        """Ask until all is known or the time has ended; return the evidence, or None without any."""
        if self.over and self.known_seconds is None:
            return None
        while not self.over and not ended():
            self.look()
            threading.Event().wait(POLL_INTERVAL)
        return Watched(self.known_seconds, self.slot_seconds, self.elapsed)


def without_ours(environment: Mapping[str, str]) -> Settings:
    """Return an environment without this project's settings."""
    return {name: value for name, value in environment.items() if not name.startswith("SHARDWISE_")}
