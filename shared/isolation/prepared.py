"""Imports what a worker needs. The fork server of isolated steps imports this module before it forks."""

from __future__ import annotations

import os
from multiprocessing import parent_process

from shared.isolation import main_module
from shared.run.steps import preload

# As many workers as cores compute at once, so more threads in each would only wait. numpy reads this once.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

if parent_process() is None:  # in the fork server, not in a spawned worker
    main_module.leave_out()
preload()
