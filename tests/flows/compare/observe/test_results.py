"""The whole result and the caller's answer are compared, field by field."""

from __future__ import annotations

from typing import Any

from flows.compare.observe.results import answer_differences

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


def test_the_answer_is_what_the_store_holds() -> None:
    """A wrong digest to the caller is a difference even when the store is right."""
    assert answer_differences(dict(WANTED), WANTED) == []
    assert answer_differences(WANTED | {"digest": "v1:1000:zzz"}, WANTED) == ["digest differs"]
    assert answer_differences(WANTED | {"count": 1_007}, WANTED) == ["count is 1007, expected 1000"]
    assert answer_differences(WANTED | {"statistics": {"average": 0, "levels": {"low": 900, "high": 100}}}, WANTED) == [
        "statistics.average is 0, expected 55.2"
    ]
    assert "shard_timings is missing" in answer_differences(WANTED | {"shard_timings": []}, WANTED)
    assert answer_differences(WANTED | {"extra": 1}, WANTED) == ["extra should not be there"]
    assert answer_differences(dict(WANTED), None) == ["no result is published"]
