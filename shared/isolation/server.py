"""How isolated processes start: whether steps have any, and what they are forked from."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from contextlib import contextmanager
from multiprocessing import forkserver, get_context
from typing import TYPE_CHECKING

from shared.run.scratch import short_parent
from shared.run.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.context import ForkServerContext, SpawnContext

PREPARED = "shared.isolation.prepared"  # imported before a worker's first call
SAFE_PATH = "PYTHONSAFEPATH"
_starting = threading.Lock()


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
    with starting():
        forkserver.ensure_running()
    return context


@contextmanager
def starting() -> Iterator[dict[str, str]]:
    """Interpreters that ``multiprocessing`` starts in this block take a safe path; their sockets have short paths.

    Yields the environment as it is outside of the block.
    """
    with _starting, safe_path() as environment:
        folder, tempfile.tempdir = tempfile.tempdir, str(short_parent())
        try:
            yield environment
        finally:
            tempfile.tempdir = folder


@contextmanager
def safe_path() -> Iterator[dict[str, str]]:
    """Interpreters that start in this block do not look for modules in the current folder.

    They would do so first, as ``python -c`` does, so that a ``random.py`` of the folder hides Python's.
    Yields the environment as it is outside of the block.
    """
    environment = dict(os.environ)
    os.environ[SAFE_PATH] = "1"
    try:
        yield environment
    finally:
        set_safe_path(environment.get(SAFE_PATH))


def set_safe_path(value: str | None) -> None:
    """Say in the environment whether interpreters that this process starts take a safe path; None: it says nothing."""
    if value is None:
        os.environ.pop(SAFE_PATH, None)
    else:
        os.environ[SAFE_PATH] = value
