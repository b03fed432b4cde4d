"""The garbage collector of a process that does one thing and ends: it seldom looks, and not at the end."""

from __future__ import annotations

import atexit
import gc

NEW_OBJECTS = 50_000  # between two looks, instead of 700: an import makes hundreds of thousands, and none is garbage


def relax() -> None:
    """Spare this process what finds nothing: Prefect's import and the end after it take a third less processor time."""
    gc.set_threshold(NEW_OBJECTS)
    atexit.register(gc.freeze)  # the interpreter's last look at every object that is left
