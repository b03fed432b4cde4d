"""The checklist and the tests that cite it agree."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.servers

FOLDER = Path(__file__).parent


def listed() -> list[int]:
    """The numbers of the checklist's rows."""
    return [int(row) for row in re.findall(r"^\| (\d+) \|", (FOLDER / "CONFORMANCE.md").read_text(), re.MULTILINE)]


def cited(text: str) -> set[int]:
    """The rows that docstrings name, as in `Row 12:`, `Rows 5 and 6:` and `Rows 33 to 35:`."""
    rows: set[int] = set()
    for named in re.findall(r'"""Rows? ([\d, andto]+):', text):
        numbers = [int(number) for number in re.findall(r"\d+", named)]
        rows |= set(range(numbers[0], numbers[1] + 1)) if " to " in named else set(numbers)
    return rows


def test_rows_are_numbered_without_gaps() -> None:
    """A row keeps its number, since tests cite it."""
    assert listed() == list(range(1, len(listed()) + 1))


def test_every_row_is_cited_and_no_other() -> None:
    """No row is without a test, and no test cites a row that there is not."""
    text = "".join(file.read_text() for file in FOLDER.glob("test_*.py") if file != Path(__file__))
    assert cited(text) == set(listed())
