"""A pipeline of a team's own, named by the person at a command."""

from __future__ import annotations

from pathlib import Path

from shared.run.loading import allow


def allow_named(reference: str) -> None:
    """Allow a pipeline here and in the processes that are started from here; the current folder is searched, too."""
    allow(reference, Path.cwd())
