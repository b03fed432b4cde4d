"""The bench itself, at its smallest: what it measures is written, and judged by what is promised."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date
from statistics import median
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from shared.run.settings import SAMPLE_DATA
from tests.bench import commands
from tests.bench.__main__ import PARTS
from tests.bench.engines import YARDSTICKS
from tests.bench.measure import measure
from tests.bench.promises import PROMISES, Outcome, Promise, outcomes
from tests.bench.rows import differences, ratios, row
from tests.bench.write_tables import DOCUMENT, MEASURED, written
from tests.oracle import expected
from tests.prefect_server import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@pytest.mark.servers  # a whole bench takes as long
def test_small_run(tmp_path: Path) -> None:
    """A part at the smallest size leaves its rows and its verdicts in `.bench`; the exit status is the verdict."""
    command = [sys.executable, "-m", "tests.bench", "--parts", "processes", "--sizes", "1K", "--repeat", "1"]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=100)
    measured = json.loads((tmp_path / ".bench" / "bench.json").read_text())
    assert [each["what"] for each in measured["rows"]] == [
        "staging 1K",
        "one of 10 shards of 1K",
        "imports of the command",
        "imports of a worker",
        "imports of the steps",
    ]
    assert 0 < measured["rows"][1]["figures"]["largest_mib"] < 2048
    [outcome] = measured["promises"]
    assert done.returncode == (0 if outcome["kept"] else 1), done.stderr
    assert outcome["promise"]["text"] in done.stdout
    assert [each.name for each in tmp_path.iterdir()] == [".bench"]


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.text)
def test_promise(promise: Promise) -> None:
    """Each promise is of a part that exists, kept at its limit and missed beyond, printed with its unit."""
    assert promise.part in PARTS
    nothing = {each.figure: 0.0 for each in PROMISES if each.what == promise.what}
    for measured, verdict in ((promise.limit, "kept"), (promise.limit * 1.01, "MISSED")):
        outcome = outcome_of(promise, nothing | {promise.figure: measured})
        assert outcome.kept is (verdict == "kept")
        assert str(outcome).startswith(verdict)
        assert f" {promise.unit}, promised {promise.limit:g}" in str(outcome)


def test_a_promise_that_is_missed_within_its_spread() -> None:
    """Rounds that lie further apart than the limit is missed by say nothing; rounds that all miss it say so."""
    promise = PROMISES[0]
    assert outcome_of(promise, {each.figure: [2.0, 2.5, 3.0] for each in PROMISES}).kept
    assert not outcome_of(promise, {each.figure: [2.4, 2.5, 2.6] for each in PROMISES}).kept


def test_rounds_are_compared_one_by_one() -> None:
    """A machine that is ten times slower in one round moves the median of the differences little."""
    assert median(differences([12, 120, 13], [10, 100, 10])) == 3
    assert median(differences([12, 120, 13], [10, 100, 10], [1, 10, 1])) == 2
    assert ratios([12, 120], [10, 100]) == [1.2, 1.2]


def test_all_processes_of_a_command_count() -> None:
    """CPU and memory of a grandchild that outlives its parent is the command's, and its end is waited for."""
    busy = "import time; content = bytearray(200 << 20)\nwhile time.process_time() < 1: pass"
    code = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {busy!r}])"
    measured = measure([sys.executable, "-c", code])
    assert measured.cpu_s >= 1
    assert measured.largest_mib >= 200


def test_a_failed_command_ends_the_bench() -> None:
    """Nothing is measured of a command that fails; what it wrote is shown."""
    with pytest.raises(SystemExit, match=r"ended with 3:\nout\nwrong"):
        measure([sys.executable, "-c", "import sys; print('out'); sys.stderr.write('wrong'); sys.exit(3)"])


@pytest.mark.parametrize("library", YARDSTICKS)
def test_a_yardstick_does_the_same_merge(tmp_path: Path, library: str) -> None:
    """DuckDB, polars and pandas alone give the sample's profiles, the key excepted."""
    subprocess.run(
        [sys.executable, "-m", f"tests.bench.in_{library}", str(SAMPLE_DATA), str(tmp_path / "out.parquet")],
        cwd=ROOT,
        check=True,
    )
    found = {each["customer_id"]: each for each in pq.read_table(tmp_path / "out.parquet").to_pylist()}
    wanted = {each.pop("customer_id"): each for each in expected(SAMPLE_DATA).profiles}
    assert found.keys() == wanted.keys()
    for customer, profile in found.items():
        del profile["customer_id"], wanted[customer]["idempotency_key"]
        assert {name: plain(value) for name, value in profile.items()} == wanted[customer]


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is of Linux")
def test_the_limit_of_memory_is_enforced(tmp_path: Path) -> None:
    """A process that may use less memory than a shard needs fails: the limit of the promise is a real one."""
    store = str(tmp_path / "store")
    measure(commands.module("one_shard", "stage", str(SAMPLE_DATA), store, "unlimited"))
    with pytest.raises(SystemExit, match="ended with"):
        measure(commands.module("one_shard", "shard", str(SAMPLE_DATA), store, "30"))
    measure(commands.module("one_shard", "shard", str(SAMPLE_DATA), store, "512"))


def test_the_table_is_what_was_measured() -> None:
    """The document's tables are those of the committed measurement, with every promise and every yardstick."""
    text = DOCUMENT.read_text(encoding="utf-8")
    measured = json.loads(MEASURED.read_text(encoding="utf-8"))
    assert written(text, measured) == text
    for outcome in measured["promises"]:
        assert outcome["promise"]["text"] in text


def plain(value: object) -> object:
    """A cell of any of the libraries as the oracle has it."""
    if isinstance(value, date):
        return value.isoformat()[:10]
    return value


def outcome_of(promise: Promise, figures: Mapping[str, float | Sequence[float]]) -> Outcome:
    """The outcome of one promise, given the figures of its row."""
    (outcome,) = [found for found in outcomes([row(promise.part, promise.what, **figures)]) if found.promise == promise]
    return outcome
