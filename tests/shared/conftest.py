"""What tests of the core stand on: no setting of the person who runs them, and the data of sixty customers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.data import row, write_sources
from tests.shared.runs import merge

if TYPE_CHECKING:
    from pathlib import Path

SIXTY = [row(f"c{number}", mrr=str(number)) for number in range(60)]


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable that the core reads is set, unless a test sets it."""
    for name in [name for name in os.environ if name.startswith(("SHARDWISE_", "RENDER"))]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("DATA_DIR", raising=False)
    monkeypatch.delenv("NUM_SHARDS", raising=False)
    monkeypatch.setenv("SHARDWISE_ALLOW_FAULTS", "true")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Sixty customers."""
    return write_sources(tmp_path / "data", billing=SIXTY)


@pytest.fixture
def wanted(data: Path, tmp_path: Path) -> dict[str, bytes]:
    """The files an undisturbed run publishes."""
    return merge(data, tmp_path / "undisturbed").parts
