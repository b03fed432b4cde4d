"""The commands of deployments/README.md, for tests that type what a person would."""

from __future__ import annotations

import shlex

from tests.prefect_server import ROOT


def text() -> str:
    """The README."""
    return (ROOT / "deployments/README.md").read_text()


def commands(prefix: str = "") -> list[str]:
    """The lines after a prompt that start so, without the prompt."""
    lines = (line.removeprefix("$ ") for line in text().splitlines() if line.startswith("$ "))
    return [line for line in lines if line.startswith(prefix)]


def prefect_arguments(prefix: str) -> list[str]:
    """The arguments of the only ``prefect`` command that starts so."""
    (command,) = commands(f"prefect {prefix}")
    return shlex.split(command)[1:]
