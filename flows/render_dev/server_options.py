"""What a user can ask of the server, and the command line that asks for it."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from datetime import timedelta

from shared.run.cores import cores

DEFAULT_PORT = 8120
MAX_ARGUMENT_BYTES = 4 * 1024 * 1024  # the platform's documented limit on a run's arguments
CLOUD_TIMEOUT = timedelta(hours=2)  # the platform's documented limit for a task that declares none
# Not by `render-workflows`, which looks for modules in the current folder first, with any option.
OWN_APP = (sys.executable, "-P", "-m", "flows.render_tasks")


@dataclass(frozen=True)
class ServerOptions:
    """How to serve.

    Attributes:
        command: What starts a worker, as words, without a shell; empty means the app of this project.
        port: TCP port on 127.0.0.1; 0 picks a free one.
        like_cloud: Apply the platform's documented limits: concurrency, timeouts, argument size, default retries.
        max_concurrency: Runs that may work at once, at least 1; None means the cores with `like_cloud`, else no limit.
        env_files: Files of KEY=VALUE lines that must exist, later ones win; empty means `.env` when there is one.
        debug: Copy the output of workers to this process's stdout.
        on_crash: `MODULE:FUNCTION` of what is called with task name, arguments, reason and pid of an attempt whose
            process died without an answer; empty for nothing.
        until_stdin_closes: Stop when standard input ends, and so with the program that holds its other end.
        stopped_is_lost: Take a worker that is stopped (SIGSTOP) for one on a machine that was lost: its attempt has
            failed and may be retried, while the worker, should it continue, runs on beside the next attempt.
    """

    command: tuple[str, ...] = OWN_APP
    port: int = DEFAULT_PORT
    like_cloud: bool = False
    max_concurrency: int | None = None
    env_files: tuple[str, ...] = ()
    debug: bool = False
    on_crash: str = ""
    until_stdin_closes: bool = False
    stopped_is_lost: bool = False

    def __post_init__(self) -> None:
        """Fall back to our own app, and refuse numbers that cannot be meant.

        Raises:
            ValueError: A number is out of its range.
        """
        if not self.command:
            object.__setattr__(self, "command", OWN_APP)
        if not 0 <= self.port <= 65_535:  # noqa: PLR2004 — the highest TCP port
            raise ValueError(f"--port {self.port}: a port is a number from 0 (any free one) to 65535")
        if self.max_concurrency is not None and self.max_concurrency < 1:
            raise ValueError(f"--max-concurrency {self.max_concurrency}: at least one run must be able to work")

    @property
    def slots(self) -> int | None:
        """How many runs may work at once; None is no limit."""
        if self.max_concurrency is None and self.like_cloud:
            return cores()
        return self.max_concurrency


def parse(arguments: list[str]) -> ServerOptions:
    """Read a command line; argparse prints usage and exits on a bad one."""
    parser = argparse.ArgumentParser(
        prog="python -m flows.render_dev", description="Serve Render Workflows tasks locally."
    )
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help="TCP port on 127.0.0.1, 0 for a free one (%(default)s)"
    )
    parser.add_argument(
        "--like-cloud", action="store_true", help="apply the platform's documented limits and default retries"
    )
    parser.add_argument(
        "--max-concurrency", type=int, metavar="N", help="runs at once, others wait (cores with --like-cloud)"
    )
    parser.add_argument(
        "--env-file", action="append", default=[], metavar="FILE", help="variables for workers; later files win"
    )
    parser.add_argument("--debug", action="store_true", help="show the output of workers")
    parser.add_argument(
        "--on-crash", default="", metavar="MODULE:FUNCTION", help="called when a process ended without answering"
    )
    parser.add_argument("--until-stdin-closes", action="store_true", help="stop when standard input ends")
    parser.add_argument("--stopped-is-lost", action="store_true", help="retry beside a worker that is stopped")
    parser.add_argument(
        "command", nargs="*", metavar="COMMAND", help="after --: what starts a worker (this project's app)"
    )
    given = parser.parse_args(arguments)
    try:
        return ServerOptions(
            command=tuple(given.command),
            port=given.port,
            like_cloud=given.like_cloud,
            max_concurrency=given.max_concurrency,
            env_files=tuple(given.env_file),
            debug=given.debug,
            on_crash=given.on_crash,
            until_stdin_closes=given.until_stdin_closes,
            stopped_is_lost=given.stopped_is_lost,
        )
    except ValueError as error:
        parser.error(str(error))
