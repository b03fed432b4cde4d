"""``--with`` and ``--against``: comparisons made elsewhere or earlier, and the schema that lets them be read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import fromstring

import pytest

from flows.compare.report.against import changes
from flows.compare.report.content import conclude
from flows.compare.report.junit import junit
from flows.compare.report.recorded import combined, read_recorded
from flows.compare.report.schema import first_problem
from flows.engine.verdicts import Absent, Verdict
from flows.registry import PRICES
from shared.run.errors import TerminalError
from tests.flows.compare.cells import COLUMNS, cell, column, comparison, mismatch

if TYPE_CHECKING:
    from pathlib import Path

Json = dict[str, Any]


def concluded(cells: list[Json], columns: Json | None = None) -> Json:
    """A whole comparison."""
    return conclude(comparison(cells, columns), PRICES)


def said(now: Json, then: Json) -> list[tuple[str, str, bool]]:
    """The changes, as tuples."""
    return [(change.where, change.message, change.regression) for change in changes(now, then)]


def test_what_is_written_is_of_the_schema() -> None:
    """A comparison with its conclusions is valid; without its version, or with a verdict nobody knows, it is not."""
    content = concluded([cell("nothing_breaks", "prefect")])
    assert first_problem(content) == ""
    assert "schema" in first_problem({key: value for key, value in content.items() if key != "schema"})
    assert "verdict" in first_problem(comparison([cell("nothing_breaks", "prefect", "same")]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "No such file"),
        ("{", "cannot be read"),
        ('{"made_at": "2026-11-23"}', "no comparison of this version"),
        ('{"schema": 1}', "no comparison of this version"),
    ],
)
def test_a_file_that_is_no_comparison_is_refused(tmp_path: Path, text: str | None, message: str) -> None:
    """With the option, the file and what is wrong with it."""
    path = tmp_path / "other.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(TerminalError, match=message) as error:
        read_recorded(path, "--with")
    assert f"--with {path}" in str(error.value)


def test_a_column_recorded_elsewhere_stands_beside() -> None:
    """It keeps where and when it was observed; one that was not observed here makes room for it."""
    here = comparison(
        [cell("nothing_breaks", "prefect")],
        {"prefect": column("prefect"), "cloud": column("render", absent="there is no API key")},
    )
    there = comparison([cell("nothing_breaks", "cloud")], {"cloud": column("render")})
    content = combined(here, {"cloud.json": there})
    assert (content["columns"]["cloud"]["recorded_in"], content["columns"]["cloud"]["not_observed"]) == (
        "cloud.json",
        "",
    )
    assert [each["column"] for each in content["cells"]] == ["prefect", "cloud"]
    (line,) = conclude(content, PRICES)["recommendations"]
    assert (line["choose"], line["cells"]) == ("either", [["nothing_breaks", "prefect"], ["nothing_breaks", "cloud"]])


def test_a_column_recorded_elsewhere_does_not_hide_one_of_the_same_name() -> None:
    """It is shown with its day."""
    here, there = (comparison([cell("nothing_breaks", "prefect")]) for _ in range(2))
    assert list(combined(here, {"a.json": there})["columns"])[3:] == [
        "local 2026-11-25",
        "prefect 2026-11-25",
        "render 2026-11-25",
    ]


def test_nothing_changed() -> None:
    """The same comparison twice has no changes."""
    content = concluded([cell("raise_twice", "prefect", Verdict.ENGINE, attempts=3)])
    assert said(content, content) == []


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
def test_a_worse_verdict_is_a_regression(then: str, now: str, regression: bool) -> None:  # noqa: FBT001 — a case
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
        (where, "was as expected, and is not: 2 attempts at shard-002, expected 3", True),
    ]


def test_the_worst_of_repetitions_counts() -> None:
    """A cell that is stuck once in three is stuck."""
    old = concluded([cell("hang_once", "prefect", Verdict.ENGINE)])
    new = concluded([cell("hang_once", "prefect", verdict) for verdict in (Verdict.ENGINE, Verdict.STUCK)])
    assert said(new, old)[0][1:] == ("recovered by the engine is now stuck", True)


def test_another_version_and_other_waits_are_changes() -> None:
    """Neither is a regression by itself."""
    wait = {"step": "shard-000", "retry": 1, "declared_seconds": 2.0, "observed_seconds": 2.0, "others_when_due": 0}
    waits = {"waits": [wait]}
    one = cell("raise_twice", "prefect")
    old = concluded([one | {"ledger": one["ledger"] | waits}])
    later = {"waits": [wait | {"observed_seconds": 3.0}]}
    newer = COLUMNS["prefect"] | {"observed_on": COLUMNS["prefect"]["observed_on"] | {"version": "2.0"}}
    new = concluded([one | {"ledger": one["ledger"] | later}], COLUMNS | {"prefect": newer})
    assert said(new, old) == [
        ("prefect", "a server 1.0 is now a server 2.0", False),
        ("prefect", "retry 1 came after 2 to 2 s, and comes after 3 s (median)", False),
    ]


def test_junit_has_a_test_per_cell() -> None:
    """A mismatch fails, a column that was not observed is skipped, a regression fails."""
    columns = {"prefect": column("prefect"), "cloud": column("render", absent="there is no API key")}
    content = comparison([cell("nothing_breaks", "prefect"), mismatch(cell("hang_once", "prefect"))], columns)
    content["changes"] = [{"where": "hang_once on prefect", "message": "got worse", "regression": True}]
    suites = {suite.get("name"): suite for suite in fromstring(junit(content))}  # noqa: S314 — our own text
    assert suites["prefect"].attrib | {"tests": "2", "failures": "1", "skipped": "0"} == suites["prefect"].attrib
    failure = suites["prefect"].find("testcase[@name='hang_once']/failure")
    assert failure is not None
    assert failure.get("message") == "stuck, expected unaffected"
    assert suites["cloud"].find("testcase/skipped") is not None
    assert suites["against"].find("testcase/failure") is not None


def test_a_recorded_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    """What one comparison writes another can take."""
    content = concluded([cell("nothing_breaks", "prefect")])
    (tmp_path / "compare.json").write_text(json.dumps(content))
    assert read_recorded(tmp_path / "compare.json", "--against") == content
