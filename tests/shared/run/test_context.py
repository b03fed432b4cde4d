"""What a step is given: this shard's part of a list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.run import steps
from shared.run.errors import TerminalError
from shared.run.pipeline import Context
from tests.shared.small import small_job

if TYPE_CHECKING:
    from pathlib import Path

    from tests.shared.runs import Json

NOTHING: Any = None


def context_of(shard_id: int | None, num_shards: int) -> Context:
    """What a shard is given, without files."""
    return Context("r", None, num_shards, "", 1, 1, NOTHING, NOTHING, NOTHING, shard_id)


@given(st.lists(st.text(max_size=3)), st.integers(1, 9), st.randoms())
def test_each_item_is_in_the_part_of_one_shard(items: list[str], num_shards: int, random: Any) -> None:
    """In whatever order a shard sees them; parts differ by one item at most."""
    parts = []
    for shard in range(num_shards):
        random.shuffle(items)
        parts.append(context_of(shard, num_shards).mine(items))
    assert sorted(item for part in parts for item in part) == sorted(items)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_items_that_cannot_be_compared_need_a_key() -> None:
    """Without one there is no order that all shards share, so it is an error that says so."""
    files = [{"path": "b"}, {"path": "a"}, {"path": "c"}]
    assert context_of(1, 2).mine(files, key=lambda file: file["path"]) == [{"path": "b"}]
    with pytest.raises(TerminalError, match=r"^context\.mine sorts its items: .* give texts, or a key to sort by$"):
        context_of(1, 2).mine(files)


def test_only_a_shard_has_a_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a run each shard has its own part; the aggregation has none and gets an error."""
    found: list[Json] = []

    def process_shard(_: object, context: Context, shard_id: int, path: Path) -> Json:
        path.write_text("x")
        found.append({"shard": shard_id, "part": context.mine("abcde")})
        return {}

    def aggregate(_: object, context: Context, _shards: list[Json]) -> Json:
        return {"part": context.mine("abcde")}

    job = steps.open_run(small_job(tmp_path, monkeypatch, process_shard=process_shard, aggregate=aggregate))
    for shard in range(3):
        steps.process_shard(job, shard)
    assert [each["part"] for each in found] == [["a", "d"], ["b", "e"], ["c"]]
    with pytest.raises(TerminalError, match=r"^context\.mine works only in process_shard, which has a shard"):
        steps.aggregate(job)
