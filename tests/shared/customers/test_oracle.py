"""The core against the oracle, on generated data with all the dirt that real data has."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from shared.customers.generate import Dirt, generate
from tests.shared.agreement import assert_agrees

if TYPE_CHECKING:
    from pathlib import Path

AS_OF = date(2026, 1, 31)

DIRT = {
    "clean": Dirt(),
    "missing": Dirt(missing=0.3),
    "duplicates": Dirt(duplicates=0.4),
    "blanks": Dirt(blanks=0.3),
    "unknown": Dirt(unknown=0.3),
    "malformed": Dirt(malformed=0.2),
    "everything": Dirt(missing=0.1, duplicates=0.2, blanks=0.1, unknown=0.1, malformed=0.1),
}


@pytest.mark.parametrize("dirt", DIRT.values(), ids=DIRT.keys())
def test_generated_data_merges_as_the_oracle_merges_it(tmp_path: Path, dirt: Dirt) -> None:
    """Profiles, keys, digest, rejects and every count of the result are the oracle's."""
    generate(tmp_path / "data", customers=1_500, seed=7, as_of=AS_OF, dirt=dirt)
    assert_agrees(tmp_path / "data", tmp_path / "store")


def test_the_committed_sample_merges_as_the_oracle_merges_it(tmp_path: Path) -> None:
    """The sample's profiles are the oracle's, over ten shards."""
    from shared.run.settings import SAMPLE_DATA

    assert_agrees(SAMPLE_DATA, tmp_path, num_shards=10)
