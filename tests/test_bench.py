"""The bench itself, at its smallest: what it measures is told, and judged by what is promised."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.bench.__main__ import PARTS
from tests.bench.promises import PROMISES, Promise, outcomes
from tests.bench.rows import median_over, row
from tests.prefect_server import ROOT

if TYPE_CHECKING:
    from pathlib import Path


def test_small_run(tmp_path: Path) -> None:
    """A part at the smallest size leaves its rows and its verdicts in `.bench`; the exit status is the verdict."""
    command = [sys.executable, "-m", "tests.bench", "--parts", "processes", "--sizes", "1K", "--repeat", "1"]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=100)
    told = json.loads((tmp_path / ".bench" / "bench.json").read_text())
    assert [each["what"] for each in told["rows"]] == [
        "staging 1K",
        "one of 10 shards of 1K",
        "import shared.run.steps",
    ]
    assert 0 < told["rows"][1]["figures"]["largest_mib"] < 2048
    [promise] = told["promises"]
    assert done.returncode == (0 if promise["kept"] else 1), done.stderr
    assert promise["text"] in done.stdout
    assert [each.name for each in tmp_path.iterdir()] == [".bench"]


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.text)
def test_promise(promise: Promise) -> None:
    """Each promise is of a part that exists, kept at its limit and missed beyond, told with its unit."""
    assert promise.part in PARTS
    nothing = {each.figure: 0.0 for each in PROMISES if each.what == promise.what}
    for measured, verdict in ((promise.limit, "kept"), (promise.limit * 1.01, "MISSED")):
        found = outcomes([row(promise.part, promise.what, **nothing | {promise.figure: measured})])
        [outcome] = [each for each in found if each.promise == promise]
        assert outcome.kept is (verdict == "kept")
        assert str(outcome).startswith(verdict)
        assert f" {promise.unit}, promised {promise.limit:g}" in str(outcome)


def test_rounds_are_compared_one_by_one() -> None:
    """A machine that is ten times slower in one round moves the median of the differences little."""
    assert median_over([12, 120, 13], [10, 100, 10]) == 3
    assert median_over([12, 120, 13], [10, 100, 10], [1, 10, 1]) == 2
