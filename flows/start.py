"""Where the ``shardwise`` command begins: a worker starts while the rest is still imported."""

from __future__ import annotations

import sys
from contextlib import suppress
from itertools import pairwise

from shared.isolation.collector import importing, relax


def main() -> None:
    """Run the command."""
    relax()
    if _needs_worker(sys.argv[1:]):
        _start_worker()
    with importing():
        from flows.cli import main as command

    command()


def _needs_worker(arguments: list[str]) -> bool:
    """Whether this is a run in this process; a pipeline that is named is not known to workers that start now."""
    elsewhere = "--engine=render" in arguments or ("--engine", "render") in pairwise(arguments)
    named = any(each.startswith("--pipeline") for each in arguments)
    return arguments[:1] == ["run"] and not elsewhere and not named and "--help" not in arguments


def _start_worker() -> None:
    """Have its server import what it needs, before this process imports even the pool of workers."""
    from shared.isolation.server import isolated, start_server
    from shared.run.errors import TerminalError

    with suppress(TerminalError):  # of a setting: the run says it
        if isolated():
            start_server()
            from shared.isolation import pool

            pool.warm()
