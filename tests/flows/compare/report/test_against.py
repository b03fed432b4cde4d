"""What changed since an earlier comparison, and the files that a comparison leaves for programs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree.ElementTree import fromstring

import pytest

from flows.compare.record.concluded import Change
from flows.compare.report.against import changes
from flows.compare.report.conclusions.all import conclude
from flows.compare.report.junit import junit
from flows.engine.verdicts import Absent, Verdict
from flows.registry import PRICES
from tests.flows.compare.made import COLUMNS, ON, cell, column, comparison, judged, mismatch, start, wait

if TYPE_CHECKING:
    from flows.compare.record.comparison import Column, Comparison
    from flows.compare.record.observed import Cell


def concluded(cells: list[Cell], columns: dict[str, Column] | None = None) -> Comparison:
    """A whole comparison."""
    return conclude(comparison(cells, columns), PRICES)


def said(now: Comparison, then: Comparison) -> list[tuple[str, str, bool]]:
    """The changes, as tuples."""
    return [(change.where, change.message, change.regression) for change in changes(now, then)]


def test_nothing_changed() -> None:
    """The same comparison twice has no changes."""
    made = concluded([cell("raise_twice", "prefect", Verdict.ENGINE, attempts=3)])
    assert said(made, made) == []


@pytest.mark.parametrize(
    ("then", "now", "regression"),
    [
        (Verdict.UNAFFECTED, Verdict.ENGINE, True),
        (Verdict.ENGINE, Verdict.FAILED, True),
        (Verdict.FAILED, Verdict.STUCK, True),
        (Verdict.STUCK, Verdict.WRONG, True),
        (Verdict.ENGINE, Absent.NOT_TESTED, True),
        (Verdict.STUCK, Verdict.ENGINE, False),
        (Verdict.ENGINE, Verdict.OURS, False),
    ],
)
def test_a_worse_verdict_is_a_regression(then: Verdict, now: Verdict, regression: bool) -> None:  # noqa: FBT001 — a case
    """A better one is a change."""
    old, new = (concluded([cell("kill_worker_once", "prefect", verdict)]) for verdict in (then, now))
    assert said(new, old) == [("kill_worker_once on prefect", f"{then} is now {now}", regression)]


def test_a_column_that_loses_a_retry_is_a_regression() -> None:
    """One attempt less, and a cell that is not as expected any more."""
    old = concluded([cell("raise_twice", "prefect", Verdict.ENGINE, attempts=3)])
    lost = mismatch(cell("raise_twice", "prefect", Verdict.ENGINE, attempts=2), "2 attempts at shard-002, expected 3")
    where = "raise_twice on prefect"
    assert said(concluded([lost]), old) == [
        (where, "attempts at the faulted step: 3 are now 2", True),
        (where, "is not as expected, as it was not before: 2 attempts at shard-002, expected 3", True),
    ]


def test_the_worst_of_repetitions_counts() -> None:
    """A cell that is stuck once in three is stuck."""
    old = concluded([cell("hang_once", "prefect", Verdict.ENGINE)])
    new = concluded([cell("hang_once", "prefect", verdict) for verdict in (Verdict.ENGINE, Verdict.STUCK)])
    assert said(new, old)[0][1:] == ("recovered by the engine is now stuck", True)


def test_another_version_and_other_waits_are_changes() -> None:
    """Neither is a regression by itself."""
    old = concluded([cell("raise_twice", "prefect", waits=(wait(2.0),))])
    newer = COLUMNS["prefect"].model_copy(update={"observed_on": replace(ON, version="2.0")})
    new = concluded([cell("raise_twice", "prefect", waits=(wait(3.0),))], COLUMNS | {"prefect": newer})
    assert said(new, old) == [
        ("prefect", "a server 1.0 is now a server 2.0", False),
        ("prefect", "retry 1 came after 2 to 2 s, and comes after 3 s (median)", False),
    ]


def test_a_new_mismatch_of_a_cell_that_was_not_as_expected_is_a_regression() -> None:
    """And a new finding is a change; other numbers in the same sentence are neither."""
    old = concluded([judged(cell("raise_twice", "prefect"), mismatches=("waits 1 s",), findings=("took 1 s",))])
    same = concluded([judged(cell("raise_twice", "prefect"), mismatches=("waits 2 s",), findings=("took 3 s",))])
    assert said(same, old) == []
    more = judged(cell("raise_twice", "prefect"), mismatches=("waits 2 s", "it died"), findings=("it stayed",))
    where = "raise_twice on prefect"
    assert said(concluded([more]), old) == [
        (where, "is not as expected, as it was not before: it died", True),
        (where, "has a finding that it had not: it stayed", False),
    ]


def test_a_run_that_takes_longer_than_ever_is_a_change() -> None:
    """Beyond the spread of before."""
    old, new = (
        concluded([cell("nothing_breaks", "prefect").model_copy(update={"starts": (start(seconds),)})])
        for seconds in (4.0, 6.0)
    )
    assert said(new, old) == [("prefect", "a run in 10 shards took 4 to 4 s, and takes 6 s (median)", False)]
    assert said(old, new) == []


def test_junit_has_a_test_per_cell() -> None:
    """A mismatch fails, a column that was not observed is skipped, a regression fails."""
    columns = {"prefect": column("prefect"), "cloud": column("render", absent="there is no API key")}
    made = comparison([cell("nothing_breaks", "prefect"), mismatch(cell("hang_once", "prefect"))], columns)
    worse = Change(where="hang_once on prefect", message="got worse", regression=True)
    text = junit(made.model_copy(update={"changes": (worse,)}))
    suites = {suite.get("name"): suite for suite in fromstring(text)}  # noqa: S314 — our own text
    assert suites["prefect"].attrib | {"tests": "2", "failures": "1", "skipped": "0"} == suites["prefect"].attrib
    failure = suites["prefect"].find("testcase[@name='hang_once']/failure")
    assert failure is not None
    assert failure.get("message") == "stuck, expected unaffected"
    assert suites["cloud"].find("testcase/skipped") is not None
    assert suites["against"].find("testcase/failure") is not None
