"""Imported by the fork server of isolated shards alone, before it forks: all that a worker needs, and nothing else."""

from __future__ import annotations

import gc
import os
from multiprocessing import spawn

from shared.run.steps import preload


def _skip(_main: str) -> None:
    """Workers do not run their parent's main module again: it may be a server, a notebook or a prompt."""


spawn._fixup_main_from_name = _skip  # type: ignore[attr-defined] # noqa: SLF001 — there is no public switch for it
spawn._fixup_main_from_path = _skip  # type: ignore[attr-defined] # noqa: SLF001 — the same

# As many workers as cores compute at once; more threads in each would only wait for each other. numpy reads this once.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

gc.disable()  # nothing that is imported is garbage
preload()
gc.freeze()  # workers share its memory as long as they do not touch it: they never look at it for garbage
gc.enable()
