"""Allows a pipeline that the user named."""

from __future__ import annotations

from pathlib import Path

from shared.run.loading import allow


def allow_named(reference: str) -> None:
    """Allow a pipeline in this process and its children; also search the current folder for it."""
    allow(reference, Path.cwd())
