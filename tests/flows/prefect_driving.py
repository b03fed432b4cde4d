"""A process that runs the merge on a Prefect server, again and again: Prefect is imported once for all tests."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.prefect_server import ROOT, PrefectServer, reap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.hosts import Host

PATIENCE = 1.0  # seconds for a driver to end: one that waits for a retry does not hear
WAIT_SCALE = 0.05  # of the policy's 2, 3 and 4.5 s


@dataclass(frozen=True)
class Ended:
    """How a flow run ended: its result when it completed, else its error."""

    flow_run_id: str
    state: str
    result: dict[str, Any]
    error: str


@dataclass(frozen=True)
class Driver:
    """The process, which takes one run at a time."""

    process: subprocess.Popen[str]

    def start(self, **parameters: Any) -> None:
        """Start a flow run and do not wait for it."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(parameters) + "\n")
        self.process.stdin.flush()

    def run(self, **parameters: Any) -> Ended:
        """Run the flow until it ends."""
        self.start(**parameters)
        return self.ended()

    def ended(self) -> Ended:
        """How a started flow run ends, once it has."""
        assert self.process.stdout is not None
        answer = self.process.stdout.readline()
        assert answer, "the driver ended; see driver.log in the server's home"
        return Ended(**json.loads(answer))


@contextmanager
def driving(server: PrefectServer, host: Host | None = None, /, **settings: str) -> Iterator[Driver]:
    """A driver for a server, on another host where one is given; ``settings`` go into its environment."""
    env = server.environment(**({"SHARDWISE_WAIT_SCALE": str(WAIT_SCALE)} | settings))
    command = [sys.executable, "-m", "tests.flows.prefect_driver"]
    with (server.home / "driver.log").open("ab") as log:
        process = subprocess.Popen(
            host.command(*command) if host else command,
            cwd=ROOT,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
        with process:
            try:
                yield Driver(process)
            finally:
                reap(process, PATIENCE)
