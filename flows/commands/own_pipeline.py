"""A pipeline of a team's own, named by the person at a command."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from shared.run.loading import allow


def allow_named(reference: str) -> None:
    """Allow a pipeline here and in the processes that are started from here; the current folder is searched, too."""
    here = str(Path.cwd())
    sys.path.append(here)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), here]))
    allow(reference)
