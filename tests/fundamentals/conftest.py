"""The job that these tests run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shared.run.job import Job
from tests.data import row, write_sources

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """A job names a run, where its four CSVs are, where its files go, and how many shards it has."""
    data = write_sources(
        tmp_path / "data",
        crm=[row("ada", email="ada@example.com"), row("bob"), row("bob", industry="Retail")],
        billing=[row("ada", plan="Starter", payment_status="Active"), row("eve", mrr="99")],
    )
    return Job("first-run", str(data), str(tmp_path / "store"), num_shards=2)
