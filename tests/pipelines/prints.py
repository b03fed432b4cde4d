"""A job that prints in each step, also by a child process, and finds what it is asked to find afterwards."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from shared.run.pipeline import Context


@dataclass(frozen=True)
class parameters:  # noqa: N801 — a member of a pipeline
    """What ``verify`` finds."""

    problem: str = ""


def _speak(step: str) -> None:
    print(f"{step} prints")  # noqa: T201 — what it is for
    subprocess.run(["echo", f"a child of {step} prints"], check=True)


def stage(_context: Context, folder: Path) -> dict[str, Any]:
    """Print."""
    _speak("stage")
    (folder / "any").touch()
    return {}


def process_shard(_context: Context, _shard_id: int, path: Path) -> dict[str, Any]:
    """Print."""
    _speak("shard")
    path.write_text("")
    return {}


def aggregate(_context: Context, _shards: list[dict[str, Any]]) -> dict[str, Any]:
    """Print."""
    _speak("aggregate")
    return {}


def verify(context: Context, _result: dict[str, Any]) -> list[str]:
    """Print, and find what the parameter says."""
    _speak("verify")
    return [context.parameters.problem] if context.parameters.problem else []


def generate(folder: Path, records: int, seed: int) -> None:
    """Nothing that matters."""
    (folder / "any.txt").write_text(f"{records} {seed}")
