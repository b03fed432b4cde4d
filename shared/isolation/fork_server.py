"""Imported by the fork server of isolated shards alone, before it forks: all that a worker needs, and nothing else.

The first worker stages, which needs less than a shard does: the rest is imported while it works.
"""

from __future__ import annotations

import os
import signal
from multiprocessing import parent_process, spawn

from shared.isolation.collector import importing, relax
from shared.run.steps import preload

SOON = 0.01  # seconds from the first fork, whose process id is told meanwhile, to the rest of the imports


def _skip(_main: str) -> None:
    """Workers do not run their parent's main module again: it may be a server, a notebook or a prompt."""


def _import(*, staging_only: bool = False) -> None:
    with importing():  # workers share its memory as long as they do not touch it
        preload(staging_only=staging_only)


def _import_rest(*_: object) -> None:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    _import()


def _import_rest_soon() -> None:
    """After the first fork, set an alarm: its handler runs in the only thread, so no fork comes in between."""
    global _forks  # noqa: PLW0603 — there is one server, and workers have a copy
    if os.getpid() == _SERVER and not _forks:
        _forks = True
        signal.signal(signal.SIGALRM, _import_rest)
        signal.setitimer(signal.ITIMER_REAL, SOON)


spawn._fixup_main_from_name = _skip  # type: ignore[attr-defined] # noqa: SLF001 — there is no public switch for it
spawn._fixup_main_from_path = _skip  # type: ignore[attr-defined] # noqa: SLF001 — the same

# As many workers as cores compute at once; more threads in each would only wait for each other. numpy reads this once.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

relax()  # workers, too: those of Dask import Prefect
_SERVER, _forks = os.getpid(), False
if parent_process() is None:
    os.register_at_fork(after_in_parent=_import_rest_soon)
_import(staging_only=parent_process() is None)  # a worker that was spawned imports all
