"""The garbage collector of a process that does one thing and ends: it seldom looks, and not at what was imported."""

from __future__ import annotations

import atexit
import gc
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

NEW_OBJECTS = 50_000  # between two looks, instead of 700: an import makes hundreds of thousands, and none is garbage


def relax() -> None:
    """Look seldom, and not as the process ends."""
    gc.set_threshold(NEW_OBJECTS)
    atexit.register(_leave_out_all)


@contextmanager
def importing() -> Iterator[None]:
    """Look for no garbage in a block that imports, and never at what it leaves. Prefect comes 0.1 s sooner."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _leave_out_all() -> None:
    if "duckdb" not in sys.modules:  # its binding reports what is left as leaked
        gc.freeze()
