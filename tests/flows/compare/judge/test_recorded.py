"""``--with`` and ``--against``: comparisons made elsewhere or earlier are read, checked, judged again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from flows.compare.judge.judgement import judged_again
from flows.compare.judge.recorded import combined, read_recorded
from flows.compare.record.comparison import Comparison, PipelineName, Reference
from flows.compare.report.conclusions.all import conclude
from flows.compare.report.readme import MEASURED
from flows.compare.report.reports import write_reports
from flows.engine.verdicts import Verdict
from flows.registry import PRICES
from shared.run.errors import TerminalError
from tests.flows.compare.attempts import POLICY
from tests.flows.compare.made import cell, column, comparison

if TYPE_CHECKING:
    from pathlib import Path

Json = dict[str, Any]


@pytest.fixture(scope="module")
def measured() -> Json:
    """The committed comparison, as JSON."""
    content: Json = json.loads(MEASURED.read_text(encoding="utf-8"))
    return content


def test_the_schema_describes_what_is_committed(measured: Json) -> None:
    """It is generated from the types, and says what each field means."""
    schema = Comparison.model_json_schema(mode="serialization")
    Draft202012Validator.check_schema(schema)
    assert list(Draft202012Validator(schema).iter_errors(measured)) == []
    assert schema["$defs"]["Published"]["properties"]["stale"]["description"]


def test_judging_again_changes_nothing_that_is_true(measured: Json) -> None:
    """Every verdict, mismatch, wait and finding of the committed record follows from its evidence."""
    again = read_recorded(MEASURED, "--with")
    assert again.cells == Comparison.model_validate(measured).cells


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "No such file"),
        ("{", "cannot be read"),
        ("[]", "is not a comparison: it has no schema of version 2 or 3"),
        ('{"made_at": "2026-11-23"}', "it has no schema of version 2 or 3"),
        ('{"schema": 1}', "it has no schema of version 2 or 3"),
        ('{"schema": 2}', "is not a comparison: KeyError"),
        ('{"schema": 3}', "is not a comparison: made_at: Field required"),
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


def test_a_record_of_version_2_is_read(tmp_path: Path) -> None:
    """It says the same: attempts, waits, deaths, what fired, and the verdict that follows."""
    (tmp_path / "old.json").write_text(json.dumps(OLD))
    read = read_recorded(tmp_path / "old.json", "--with")
    (found,) = read.cells
    assert (found.judgement.verdict, found.judgement.mismatches) == (Verdict.OURS, ())
    assert (found.judgement.attempts, found.judgement.deaths, found.judgement.retries) == (2, 1, 1)
    assert [(wait.declared_seconds, wait.observed_seconds) for wait in found.judgement.waits] == [(0.1, 0.11)]
    assert read.products.keys() == {"render"}
    written = Comparison.model_validate_json(read.model_dump_json())
    assert written == read


def test_a_column_recorded_elsewhere_stands_beside() -> None:
    """It keeps where and when it was observed; one that was not observed here makes room for it."""
    here = comparison(
        [cell("raise_twice", "prefect")],
        {"prefect": column("prefect"), "cloud": column("render", absent="there is no API key")},
    )
    there = comparison([cell("raise_twice", "cloud")], {"cloud": column("render")})
    both = combined(here, [("cloud.json", there)])
    assert (both.columns["cloud"].recorded_in, both.columns["cloud"].not_observed) == ("cloud.json", "")
    assert [each.column for each in both.cells] == ["prefect", "cloud"]
    (asked,) = conclude(both, PRICES).conclusions.questions
    assert [answer.cells for answer in asked.answers] == [(("raise_twice", "prefect"),), (("raise_twice", "cloud"),)]


def test_columns_of_one_name_and_day_stay_apart() -> None:
    """Each is shown with its day, the third with a number, too; and the whole can be read again."""
    here = comparison([cell("nothing_breaks", "prefect")], {"prefect": column("prefect")})
    both = combined(here, [("a/compare.json", here), ("b/compare.json", here)])
    assert list(both.columns) == ["prefect", "prefect 2026-11-25", "prefect 2026-11-25 2"]
    assert [each.recorded_in for each in both.columns.values()] == ["", "a/compare.json", "b/compare.json"]
    assert Comparison.model_validate_json(both.model_dump_json()) == both


@pytest.mark.parametrize(
    "other",
    [
        {"shards": 20},
        {"declared": POLICY.model_copy(update={"max_attempts": 2})},
        {"reference": Reference(digest="v1:7:ab")},
        {"pipeline": PipelineName(name="clicks", version=1, reference="c:d")},
    ],
    ids=["shards", "policy", "data", "pipeline"],
)
def test_nothing_is_concluded_from_another_job_or_policy(other: Json) -> None:
    """Its columns are shown, and say why they answer nothing."""
    here = comparison([cell("raise_twice", "prefect")], {"prefect": column("prefect")})
    there = comparison([cell("raise_twice", "cloud")], {"cloud": column("render")}).model_copy(update=other)
    both = conclude(combined(here, [("cloud.json", there)]), PRICES)
    assert " there, and " in both.columns["cloud"].apart
    (asked,) = both.conclusions.questions
    assert [each.cells for each in asked.answers if each.cells] == [(("raise_twice", "prefect"),)]
    assert [each.column for each in both.cells] == ["prefect", "cloud"]


def test_a_report_is_made_of_an_empty_ledger(tmp_path: Path) -> None:
    """A run of which no attempt is known is one more cell."""
    made = comparison([cell("raise_twice", "prefect").model_copy(update={"attempts": ()})])
    assert write_reports(tmp_path, conclude(judged_again(made), PRICES)) == []


def test_a_report_that_cannot_be_made_keeps_no_other_from_it(tmp_path: Path) -> None:
    """What failed is named; the files are their owner's only, since they quote what runs said."""
    made = comparison([cell("raise_twice", "prefect")])
    (tmp_path / "report.html").mkdir()
    (problem,) = write_reports(tmp_path, made)
    assert problem.startswith("report.html could not be made: ")
    files = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir() if path.is_file()}
    assert files == dict.fromkeys(("compare.json", "compare.junit.xml", "report.md"), 0o600)


def _at(second: float) -> str:
    return f"2026-11-26T01:52:{second:09.6f}+00:00"


def _attempt(step: str, number: int, begin: float, end: float, outcome: str) -> Json:
    by = "watcher" if outcome == "died" else "attempt"
    return {
        "step": step,
        "invocation": 1,
        "attempt": number,
        "pid": 7,
        "claimed_at": _at(begin),
        "end": {"outcome": outcome, "ended_at": _at(end), "monotonic": 100 + end, "ended_by": by},
        "ended_at": _at(end),
        "ended_by": by,
    }


ON = {"served_by": "a server", "version": "1", "at": "2026-11-26T01:52:53+00:00", "machine": "Linux"}
KILL = {"kind": "kill", "step": "shard-002", "attempts": [1]}
EXPECTED = {"verdict": "recovered by the engine", "attempts": None, "reason": ""}
OLD: Json = {
    "schema": 2,
    "made_at": "2026-11-26T01:57:11+00:00",
    "machine": "Linux",
    "versions": {"shardwise": "0.2.0"},
    "shards": 1,
    "workers": 2,
    "wait_scale": 0.05,
    "declared": {"max_attempts": 4, "waits_seconds": [0.1, 0.15, 0.225], "timeout_seconds": 600.0},
    "pipeline": {"name": "customers", "version": 2, "reference": "a:b"},
    "reference": {"digest": "v2:10:ab", "varying": []},
    "columns": {
        "render": {
            "title": "Render",
            "product": "render",
            "stand_in": True,
            "observed_on": ON,
            "not_observed": "",
            "observed_until": "",
            "recorded_in": "",
        }
    },
    "scenarios": {
        "kill_worker_once": {
            "title": "kill -9",
            "purpose": "?",
            "plan": [KILL],
            "interruption": None,
            "run_again": False,
            "promised_attempts": 2,
            "timeout_seconds": None,
            "generated": None,
            "shards": None,
            "heartbeats": False,
            "expected": {"render": EXPECTED},
        }
    },
    "lint": [{"engine": "all", "level": "note", "rule": "no-jitter", "message": "waits have no jitter"}],
    "cells": [
        {
            "scenario": "kill_worker_once",
            "column": "render",
            "repeat": 1,
            "verdict": "recovered by the engine",
            "observed_on": ON,
            "tested": True,
            "as_expected": True,
            "mismatches": [],
            "reason": "",
            "attempts": 2,
            "expected_attempts": 2,
            "workers": 2,
            "step": "shard-002",
            "shards": 10,
            "records": 10,
            "evidence": {"isolated": False, "continues": True},
            "fired": ["kill at shard-002, attempt 1"],
            "starts": [
                {
                    "completed": True,
                    "error": "",
                    "answered": True,
                    "ended": True,
                    "status": 0,
                    "interrupted": False,
                    "seconds": 2.0,
                    "ended_at": _at(3),
                    "watched": None,
                }
            ],
            "ledger": {
                "attempts": [
                    _attempt("stage", 1, 0, 0.5, "new"),
                    _attempt("shard-002", 1, 0.6, 0.8, "died"),
                    _attempt("shard-002", 2, 0.91, 1, "committed"),
                    _attempt("aggregate", 1, 1.1, 1.2, "committed"),
                ],
                "waits": [{"retry": 1, "declared_seconds": 0.1, "clock": "monotonic"}],
            },
            "store": {
                "finished": True,
                "digest": "v2:10:ab",
                "committed": 1,
                "first_difference": "",
                "differences": [],
            },
            "engine": [{"state": "succeeded", "attempts": {"stage": 1, "shard-002": 2, "aggregate": 1}, "host": "a"}],
            "findings": [],
            "command": "shardwise compare",
            "log": "",
        }
    ],
}
