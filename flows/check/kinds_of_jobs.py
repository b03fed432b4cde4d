"""The kinds of jobs that can be checked, from all engines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.registry import ENGINES

if TYPE_CHECKING:
    from flows.engine.target import Target


def targets() -> dict[str, Target]:
    """Return the targets by the names of their engines."""
    return {engine.name: engine.target() for engine in ENGINES.values() if engine.target}
