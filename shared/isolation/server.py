"""Decides whether steps run in processes, and how these processes start."""

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
    """Whether ``SHARDWISE_ISOLATION`` selects processes: ``process`` (the default) or ``none``."""
    return Settings.read().isolation == "process"


def process_context() -> ForkServerContext | SpawnContext:
    """Return the context for workers: they are forked from a prepared server without threads, which takes milliseconds.

    On macOS, whose libraries cannot be used after a fork, each worker is spawned and imports what it needs.
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
    """Start interpreters of ``multiprocessing`` in this block with a safe path, and sockets with short paths.

    Yields the environment outside the block.
    """
    with _starting, safe_path() as environment:
        folder, tempfile.tempdir = tempfile.tempdir, str(short_parent())
        try:
            yield environment
        finally:
            tempfile.tempdir = folder


@contextmanager
def safe_path() -> Iterator[dict[str, str]]:
    """Keep interpreters that start in this block from finding modules in the current folder.

    Otherwise a ``random.py`` in that folder hides Python's own module. Yields the environment outside the block.
    """
    environment = dict(os.environ)
    os.environ[SAFE_PATH] = "1"
    try:
        yield environment
    finally:
        set_safe_path(environment.get(SAFE_PATH))


def set_safe_path(value: str | None) -> None:
    """Set in the environment whether interpreters that start here use a safe path; None removes the variable."""
    if value is None:
        os.environ.pop(SAFE_PATH, None)
    else:
        os.environ[SAFE_PATH] = value
