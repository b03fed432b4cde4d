"""How isolated processes start: whether steps have any, and what they are forked from."""

from __future__ import annotations

import sys
from multiprocessing import get_context
from typing import TYPE_CHECKING

from shared.run.settings import Settings

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext, SpawnContext

PREPARED = "shared.isolation.fork_server"  # imported before a worker's first call


def isolated() -> bool:
    """Whether ``SHARDWISE_ISOLATION`` asks for processes: ``process``, the default, or ``none``."""
    return Settings.read().isolation == "process"


def process_context() -> ForkServerContext | SpawnContext:
    """Workers are forked from a server that has imported what they need and runs no thread: it takes milliseconds.

    Not on macOS, whose own libraries may not be used after a fork: there each imports what it needs.
    """
    if sys.platform == "darwin":
        return get_context("spawn")
    context = get_context("forkserver")
    context.set_forkserver_preload([PREPARED])
    return context
