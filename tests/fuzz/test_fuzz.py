"""Some of the inputs of ``make fuzz``, and a lie that they find."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shared.customers import scan, stage
from tests.fuzz.judge import FuzzError, check

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SEEDS = range(1, 61)
OUTCOMES = {"result", "rejects", "refused"}


@pytest.mark.parametrize("first", SEEDS[::10])
def test_mutated_inputs(tmp_path: Path, first: int) -> None:
    """Each gives a result that the oracle agrees with, or one error that names file and place."""
    assert outcomes(tmp_path, range(first, first + 10)) <= OUTCOMES


def test_the_inputs_reach_every_outcome(tmp_path: Path) -> None:
    """There are results with and without rejects, and refusals."""
    assert outcomes(tmp_path, (13, 14, 21)) == OUTCOMES


def test_a_lie_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that takes one row for another, so that the counts agree, is found out by the oracle."""
    honest = scan.table_sql

    def lying(parts: list[scan.Part]) -> str:
        query = honest(parts)
        return f"(select * from {query} where file_row <> 2 union all select * from {query} where file_row = 1)"

    monkeypatch.setattr(stage, "table_sql", lying)
    with pytest.raises(FuzzError, match=r"seed \d+: "):
        outcomes(tmp_path, SEEDS[:12])


def outcomes(folder: Path, seeds: Iterable[int]) -> set[str]:
    """What comes of some seeds."""
    return {check(seed, folder / str(seed)) for seed in seeds}
