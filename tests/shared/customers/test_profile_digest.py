"""Keys and digests of profiles: hashlib and DuckDB give the same, so how many there are changes neither."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.customers import profile_digest
from shared.customers.profile_digest import by_duckdb, by_hashlib
from shared.customers.schema import EMAIL, KEY, LEVELS
from shared.run.settings import SAMPLE_DATA
from tests.golden import GOLDEN_DIGEST
from tests.shared.runs import merge

if TYPE_CHECKING:
    from pathlib import Path

TEXT = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\x00\x1f,1"), max_size=6)
LEVEL = st.none() | st.sampled_from(LEVELS)
PROFILE = st.tuples(TEXT, st.none() | TEXT, st.integers(0, 100), LEVEL, LEVEL, st.binary(min_size=64, max_size=64))


@given(st.lists(PROFILE, min_size=1, max_size=9))
def test_both_ways_give_the_same(profiles: list[tuple[str, str | None, int, str, str, bytes]]) -> None:
    """Also with missing emails, and with any character in a text, the separator of a row's text among them."""
    ids, emails, health, churn, expansion, hashes = zip(*profiles, strict=True)
    levels = {"churn_risk": churn, "expansion_potential": expansion}
    own = pa.table(
        {KEY: pa.array(ids, pa.string()), EMAIL: pa.array(emails, pa.string()), "health_score": health}
        | {name: pa.array(each, pa.string()).dictionary_encode() for name, each in levels.items()}
    )
    together = pa.array(hashes, pa.binary(64))
    assert [each.to_pylist() for each in by_hashlib(own, together)] == [
        each.to_pylist() for each in by_duckdb(own, together)
    ]


@pytest.mark.parametrize("few", [0, 10_000])
def test_how_many_are_few_changes_nothing(few: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sample has its digest with DuckDB alone and with hashlib alone."""
    monkeypatch.setattr(profile_digest, "FEW", few)
    assert merge(SAMPLE_DATA, tmp_path).result["digest"] == GOLDEN_DIGEST
