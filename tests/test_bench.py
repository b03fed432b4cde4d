"""The bench itself, at its smallest: what it measures is written, and judged by what is promised."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from datetime import date
from statistics import median
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from shared.run.job import Job
from shared.run.settings import SAMPLE_DATA
from tests.bench import commands
from tests.bench.__main__ import PARTS
from tests.bench.charts import charts
from tests.bench.engines import YARDSTICKS
from tests.bench.machines import machine
from tests.bench.measure import measure
from tests.bench.promises import PROMISES, Outcome, Promise, outcomes
from tests.bench.rows import differences, ratios, row
from tests.bench.shards import ALLOWED
from tests.bench.write_tables import DOCUMENTS, FOLDER, MEASURED, written
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


def test_the_median_decides() -> None:
    """Rounds that lie apart do not excuse a median beyond the limit, and do not break a promise that it keeps."""
    promise = PROMISES[0]
    figures = {each.figure: promise.limit for each in PROMISES}
    assert outcome_of(promise, figures | {promise.figure: [0.1, promise.limit, 99.0]}).kept
    assert not outcome_of(promise, figures | {promise.figure: [0.1, promise.limit + 0.01, 99.0]}).kept


SERVER = """
import pathlib, sys, time
def work(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end: pass
work(1)
print("idle", flush=True)
while not pathlib.Path(sys.argv[1]).exists(): time.sleep(0.01)
work(4)
time.sleep(1000)
"""


def test_a_server_is_measured_until_it_is_idle(tmp_path: Path) -> None:
    """What a server does for a command after its end counts as the command's, and what it did before does not."""
    asked = tmp_path / "asked"
    with subprocess.Popen([sys.executable, "-c", SERVER, asked], stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout
            server.stdout.readline()
            measured = measure(["touch", str(asked)], servers=[server.pid])
        finally:
            server.kill()
    assert 4 <= measured.cpu_s < 5
    assert measured.wall_s < 4, "the command itself had ended long before"


def test_only_what_a_job_may_have_is_measured() -> None:
    """The default asks for no number of shards that a job refuses, which would end the bench in its middle."""
    assert ALLOWED
    for count in ALLOWED:
        Job(run_id="allowed", data_url="/data", store_url="/store", num_shards=count)


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


def test_tables_and_charts_are_what_was_measured() -> None:
    """The documents' tables and the pictures are those of the committed measurement, with every promise."""
    measured = json.loads(MEASURED.read_text(encoding="utf-8"))
    texts = {document: document.read_text(encoding="utf-8") for document in DOCUMENTS}
    for document, text in texts.items():
        assert written(text, measured) == text, document
    for outcome in measured["promises"]:
        assert outcome["promise"]["text"] in texts[DOCUMENTS[0]]
    assert {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.svg")} == charts(measured)


def test_charts_show_every_engine_its_no_op_and_the_query() -> None:
    """A line for each engine and each no-op over shards, and over customers the bare query too, at their values."""
    shards = [
        row("shards", f"{count:,} {on}", wall_s=count / 100)
        for count in (10, 100, 1_000)
        for on in ("on local", "on prefect", "no-op on prefect", "on render", "no-op on render")
    ]
    customers = [
        row("engines", f"{size} on {name}", wall_s=seconds)
        for size, seconds in (("1K", 1.0), ("1M", 42.0))
        for name in ("duckdb", "local, 10 shards", "prefect, 10 shards", "prefect, no-op", "render, 10 shards")
    ]
    drawn = charts({"rows": [asdict(each) for each in shards + customers]})
    assert drawn.keys() == {"shards.svg", "customers.svg"}
    for line in ("local", "prefect", "no-op on prefect", "render", "no-op on render"):
        assert f">{line}, 10 s</text>" in drawn["shards.svg"]
    for line in ("one DuckDB query", "local", "prefect", "no-op on prefect", "render"):
        assert f">{line}, 42 s</text>" in drawn["customers.svg"]
    assert "no-op on render" not in drawn["customers.svg"], "what was not measured has no line"


def test_one_machine_is_extrapolated_from_what_was_measured() -> None:
    """Ten times the most customers grow each figure by the factor of the step before; without a measurement nothing."""
    less = row("large", "1M on local, 10 shards", wall_s=4.0, together_mib=500.0, data_mib=512.0, store_mib=1024.0)
    more = row("large", "10M on local, 100 shards", wall_s=40.0, together_mib=500.0, data_mib=5120.0, store_mib=10240.0)
    assert machine({"rows": [asdict(less)]}) == ""
    lines = machine({"rows": [asdict(less), asdict(more)]}).splitlines()
    assert lines[-1] == "| 100,000,000 | 1,000 | 400 s | 500 MiB | 50.0 GiB | 100.0 GiB | extrapolated |"
    assert [line.split("|")[-2].strip() for line in lines[2:]] == ["measured", "measured", "extrapolated"]


def plain(value: object) -> object:
    """A cell of any of the libraries as the oracle has it."""
    if isinstance(value, date):
        return value.isoformat()[:10]
    return value


def outcome_of(promise: Promise, figures: Mapping[str, float | Sequence[float]]) -> Outcome:
    """The outcome of one promise, given the figures of its row."""
    (outcome,) = [found for found in outcomes([row(promise.part, promise.what, **figures)]) if found.promise == promise]
    return outcome
