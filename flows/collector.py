"""The garbage collector of a process that does one thing and ends: it seldom looks, and not at what was imported."""

from __future__ import annotations

import atexit
import gc
import sys

NEW_OBJECTS = 50_000  # between two looks, instead of 700: an import makes hundreds of thousands, and none is garbage


def relax() -> None:
    """Look seldom, and not as the process ends."""
    gc.set_threshold(NEW_OBJECTS)
    atexit.register(_leave_out_all)


def leave_out_imports() -> None:
    """Never look at what there is, not even as the process ends: for Prefect alone a quarter of a second."""
    gc.freeze()


def _leave_out_all() -> None:
    if "duckdb" not in sys.modules:  # its binding reports what is left as leaked
        gc.freeze()
