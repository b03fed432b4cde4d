"""The garbage collector of a process that does one thing and ends: it seldom looks, and not at what was imported."""

from __future__ import annotations

import gc

NEW_OBJECTS = 50_000  # between two looks, instead of 700: an import makes hundreds of thousands, and none is garbage


def relax() -> None:
    """Look seldom."""
    gc.set_threshold(NEW_OBJECTS)


def leave_out_imports() -> None:
    """Never look at what there is, not even as the process ends: for Prefect alone a quarter of a second.

    Not at the end itself: what DuckDB's binding finds then it reports as leaked.
    """
    gc.freeze()
