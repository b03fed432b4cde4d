"""The whole result and the caller's answer are compared, field by field."""

from __future__ import annotations

from typing import Any

import pytest

from flows.compare.observe.results import answer_differences, result_differences

WANTED: dict[str, Any] = {
    "run_id": "reference",
    "engine": "local",
    "output": "/somewhere/reference",
    "digest": "v1:1000:abc",
    "count": 1_000,
    "shard_timings": [{"shard_id": 0, "count": 1_000, "elapsed_ms": 7, "attempt": 1}],
    "statistics": {"average": 55.2, "levels": {"low": 900, "high": 100}},
}
RUN = {
    "run_id": "a-run",
    "engine": "render",
    "output": "/elsewhere/a-run",
    "shard_timings": [{"shard_id": 0, "count": 1_000, "elapsed_ms": 90, "attempt": 3}],
}


@pytest.mark.parametrize(
    ("lie", "said"),
    [
        ({}, []),
        ({"count": 1_007}, ["count is 1007, expected 1000"]),
        ({"digest": "v1:1000:abd"}, ["digest differs"]),
        (
            {"statistics": {"average": 0, "levels": {"low": 900, "high": 100}}},
            ["statistics.average is 0, expected 55.2"],
        ),
        (
            {"statistics": {"average": 55.2, "levels": {"low": 899, "high": 101}}},
            ["statistics.levels.high is 101, expected 100", "statistics.levels.low is 899, expected 900"],
        ),
        ({"shard_timings": [{"shard_id": 0, "count": 999}]}, ["shard_timings[0].count is 999, expected 1000"]),
        ({"shard_timings": []}, ["shard_timings differs"]),
        ({"extra": 1}, ["extra should not be there"]),
    ],
)
def test_a_result_is_compared_in_all_its_fields(lie: dict[str, Any], said: list[str]) -> None:
    """A right digest does not make up for a wrong total; the run's own name and times are no difference."""
    assert result_differences(WANTED | RUN | lie, WANTED) == said


def test_fields_that_vary_without_any_fault_are_left_out() -> None:
    """A pipeline may put the time of day into its result."""
    assert result_differences(WANTED | {"made_at": 2}, WANTED | {"made_at": 1}, frozenset({"made_at"})) == []


def test_the_answer_is_what_the_store_holds() -> None:
    """A wrong digest to the caller is a difference even when the store is right."""
    assert answer_differences(dict(WANTED), WANTED) == []
    assert answer_differences(WANTED | {"digest": "v1:1000:zzz"}, WANTED) == ["digest differs"]
    assert answer_differences(WANTED | {"count": 1_007}, WANTED) == ["count is 1007, expected 1000"]
    assert answer_differences(dict(WANTED), None) == ["no result is published"]
