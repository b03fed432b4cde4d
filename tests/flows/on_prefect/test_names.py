"""Names of flow runs: Prefect's own are told from those that people give."""

from __future__ import annotations

import pytest
from prefect.utilities.names import generate_slug

from flows.on_prefect.names import is_generated


def test_every_name_of_prefect_is_known() -> None:
    """Whatever Prefect's server and its form make up is recognised."""
    assert all(map(is_generated, ["chi834-vega-cluster", "lambda5-aurigae", "mu-canis-majoris"]))
    assert [name for name in (generate_slug(2) for _ in range(2_000)) if not is_generated(name)] == []


@pytest.mark.parametrize("name", ["nightly-merge", "beta-release", "monday", "parity-check", "prefect-0", "quiet", "-"])
def test_names_of_people_are_theirs(name: str) -> None:
    """What a person would write is not taken for one of Prefect's."""
    assert not is_generated(name)
