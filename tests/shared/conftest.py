"""Tests of the core see no setting of the person who runs them."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable that the core reads is set, unless a test sets it."""
    for name in [name for name in os.environ if name.startswith(("SHARDWISE_", "RENDER"))]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("DATA_DIR", raising=False)
    monkeypatch.delenv("NUM_SHARDS", raising=False)
