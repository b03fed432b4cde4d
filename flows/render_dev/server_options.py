"""The server's options and its command line."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from datetime import timedelta

from shared.run.cores import cores

DEFAULT_PORT = 8120
MAX_ARGUMENT_BYTES = 4 * 1024 * 1024  # the platform's documented limit for a run's arguments
CLOUD_TIMEOUT = timedelta(hours=2)  # the platform's documented limit for a task that declares none
# Not with `render-workflows`, which searches the current folder for modules first, with any option.
OWN_APP = (sys.executable, "-P", "-m", "flows.render_tasks")


@dataclass(frozen=True)
class ServerOptions:
    """The server's options.

    Attributes:
        command: The command that starts a worker, as words, without a shell; empty for this project's app.
        port: TCP port on 127.0.0.1; 0 picks a free one.
        like_cloud: Apply the platform's documented limits: concurrency, timeouts, argument size, default retries.
        max_concurrency: The number of runs that work at once, at least 1; None means the cores with `like_cloud`, else
            no limit.
        env_files: Files with KEY=VALUE lines that must exist; later files override earlier ones; empty uses `.env` if
            it exists.
        debug: Print the output of workers to stdout.
        on_crash: `MODULE:FUNCTION` to call with task name, arguments, reason and pid when a process ends without an
            answer; empty for none.
        until_stdin_closes: Stop when standard input closes, and so with the program that holds its other end.
        stopped_is_lost: Count a stopped worker (SIGSTOP) as lost with its machine: its attempt fails and may be
            retried, while the worker may continue later.
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
        """Set the default app, and refuse invalid numbers.

        Raises:
            ValueError: A number is out of range.
        """
        if not self.command:
            object.__setattr__(self, "command", OWN_APP)
        if not 0 <= self.port <= 65_535:  # noqa: PLR2004 — the highest TCP port
            raise ValueError(f"--port {self.port}: a port is a number from 0 (any free one) to 65535")
        if self.max_concurrency is not None and self.max_concurrency < 1:
            raise ValueError(f"--max-concurrency {self.max_concurrency}: at least one run must be able to work")

    @property
    def slots(self) -> int | None:
        """The number of runs that work at once; None for no limit."""
        if self.max_concurrency is None and self.like_cloud:
            return cores()
        return self.max_concurrency


def parse(arguments: list[str]) -> ServerOptions:
    """Parse a command line; argparse prints the usage and exits if it is invalid."""
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
