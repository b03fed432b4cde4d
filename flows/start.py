"""Where the ``shardwise`` command begins: a worker of engine local starts while the rest is still imported."""

from __future__ import annotations

import sys
from contextlib import suppress
from itertools import pairwise

from flows.collector import relax


def main() -> None:
    """Run the command."""
    relax()
    if _needs_worker(sys.argv[1:]):
        _start_worker()
    from flows.cli import main as command

    command()


def _needs_worker(arguments: list[str]) -> bool:
    """Whether this is a run on engine local; a pipeline that is named is not known to workers that start now."""
    local = "--engine=local" in arguments or ("--engine", "local") in pairwise(arguments)
    return arguments[:1] == ["run"] and local and not any(each.startswith("--pipeline") for each in arguments)


def _start_worker() -> None:
    from shared.isolation import pool
    from shared.run.errors import TerminalError

    with suppress(TerminalError):  # of a setting: the run says it
        if pool.isolated():
            pool.warm()
