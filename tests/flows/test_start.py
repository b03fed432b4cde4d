"""When the command starts a worker before it knows what to do."""

from __future__ import annotations

import pytest

from flows.start import _needs_worker

CASES = [
    ("run --engine local", True),
    ("run --json --engine=local --shards 3", True),
    ("run", True),
    ("run --engine prefect --run-id render", True),
    ("run --engine=render", False),
    ("run --run-id local --engine render", False),
    ("run --help", False),
    ("run --engine local --pipeline my_team.clicks:pipeline", False),
    ("run --engine local --pipeline=my_team.clicks:pipeline", False),
    ("compare --engines local", False),
    ("", False),
]


@pytest.mark.parametrize(("arguments", "wanted"), CASES)
def test_only_a_run_in_this_process_needs_one(arguments: str, wanted: bool) -> None:  # noqa: FBT001 — a case
    """Nothing else does; and a pipeline of somebody's own is not known yet."""
    assert _needs_worker(arguments.split()) is wanted
