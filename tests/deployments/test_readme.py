"""What deployments/README.md tells people to type and where it points."""

from __future__ import annotations

import re

import pytest

from tests.deployments.readme import commands, text
from tests.prefect_server import ROOT


def test_files_exist() -> None:
    """Every file of the project that the README names is there."""
    named = set(re.findall(r"\b(?:deployments|flows|shared|tests)/[\w./]+\w", text()))
    assert named
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_deployments_are_declared() -> None:
    """Every deployment that the README names is declared, and the other way round."""
    found = re.findall(
        r"^    name: (\S+).*?entrypoint: flows/[\w/]+\.py:(\w+)",
        (ROOT / "deployments/prefect.yaml").read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    declared = {f"{flow.replace('_', '-')}/{name}" for name, flow in found}
    assert set(re.findall(r"^\| `([\w-]+/[\w-]+)` \|", text(), re.MULTILINE)) == declared


@pytest.mark.parametrize(
    "prefix", ["make serve", "prefect --no-prompt deploy", "prefect worker start", "shardwise trigger"]
)
def test_steps_are_told(prefix: str) -> None:
    """The steps from a clone to a run are among the commands."""
    assert any(command.startswith(prefix) for command in commands())
