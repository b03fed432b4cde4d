"""Imported by the fork server of isolated steps alone, before it forks: all that a worker needs, and nothing else."""

from __future__ import annotations

import os
from multiprocessing import parent_process

from shared.isolation import main_module
from shared.run.steps import preload

# As many workers as cores compute at once; more threads in each would only wait for each other. numpy reads this once.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

if parent_process() is None:  # the fork server, not a worker that was spawned
    main_module.leave_out()
preload()
