"""Whether a run gives exactly what the oracle gives, and where it first does not."""

from __future__ import annotations

import csv
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from tests.oracle import expected
from tests.shared.runs import Merged, merge

if TYPE_CHECKING:
    from pathlib import Path


def assert_agrees(data: Path, store: Path, **options: Any) -> Merged:
    """Merge a folder with any number of rejects allowed and compare all it leaves with the oracle's."""
    merged = merge(data, store, max_rejects="100%", **options)
    wanted = expected(data)
    assert_same("profile", merged.profiles, wanted.profiles)
    assert_same("reject", rejects_of(merged), wanted.rejects)
    assert {key: merged.result[key] for key in wanted.result} == wanted.result
    return merged


def assert_same(what: str, actual: list[Any], wanted: list[Any]) -> None:
    """Compare two lists and show the first entries that differ, in words a person can read."""
    for number, (left, right) in enumerate(zip_longest(actual, wanted)):
        assert left == right, f"{what} {number} differs:\n  is     {left}\n  wanted {right}"


def rejects_of(merged: Merged) -> list[dict[str, str]]:
    """The run's rejects file."""
    with (merged.folder / "rejects.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
