"""When the command starts a worker before it knows what to do."""

from __future__ import annotations

import pytest

from flows.start import _needs_worker

CASES = [
    ("run --engine local", True),
    ("run --json --engine=local --shards 3", True),
    ("run", False),
    ("run --engine prefect --run-id local", False),
    ("run --engine local --pipeline my_team.clicks:pipeline", False),
    ("run --engine local --pipeline=my_team.clicks:pipeline", False),
    ("compare --engines local", False),
    ("", False),
]


@pytest.mark.parametrize(("arguments", "wanted"), CASES)
def test_only_a_run_on_engine_local_needs_one(arguments: str, wanted: bool) -> None:  # noqa: FBT001 — a case
    """Nothing else does; and a pipeline of somebody's own is not known yet."""
    assert _needs_worker(arguments.split()) is wanted
