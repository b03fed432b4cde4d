"""``shardwise compare``: exit status, what it prints and writes, and bugs in the commit that it must find."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flows.compare.columns import COLUMNS
from flows.compare.scenarios import SCENARIOS
from shared.faults.plan import KINDS
from tests.command import shardwise
from tests.golden import GOLDEN_DIGEST

if TYPE_CHECKING:
    from subprocess import CompletedProcess

ROOT = Path(__file__).resolve().parents[3]

# Python runs a sitecustomize.py of its path at its start, in every process of the cells; the command stays as it is.
ONLY_IN_CELLS = """
import sys
if not any(argument.endswith("/shardwise") for argument in sys.orig_argv):
    from shared.customers import shard
"""
COUNTS_BEFORE_IT_IS_WRITTEN = """
    def merge_shard(run, shard_id, attempt, injector):
        finished, result = shard._profiles(run, shard_id)
        result |= {"invocation": run.job.invocation, "attempt": attempt, "elapsed_ms": 0}
        committed = run.commit(shard_id, result)
        with run.store.publishing(run.profiles_name(shard_id)) as path:
            shard._write(finished, path)
            injector.before_commit()
        return committed
    shard.merge_shard = merge_shard
"""
WRITES_THE_FIRST_ROW_TWICE = """
    import pyarrow as pa
    write = shard._write
    shard._write = lambda profiles, path: write(pa.concat_tables([profiles.slice(0, 1), profiles]), path)
"""
WRITES_OLD_VALUES = """
    import pyarrow as pa
    write = shard._write
    def stale(profiles, path):
        column = profiles.column_names.index("health_score")
        old = pa.array([0] * len(profiles), profiles.schema.field(column).type)
        write(profiles.set_column(column, profiles.schema.field(column), old), path)
    shard._write = stale
"""


def compare(folder: Path, *options: str, **settings: str) -> CompletedProcess[str]:
    """Compare on engine local, with short waits."""
    return shardwise("compare", "--engines", "local", "--wait-scale", "0.05", *options, cwd=folder, **settings)


def report(folder: Path) -> dict[str, Any]:
    """What it wrote for programs."""
    content: dict[str, Any] = json.loads((folder / "shardwise-report" / "compare.json").read_text())
    return content


def test_a_cell_as_expected(tmp_path: Path) -> None:
    """Exit status 0, a matrix, both reports, the digest and the command that runs the cell again."""
    done = compare(tmp_path, "--scenarios", "kill_worker_once", "--repeat", "2")
    assert done.returncode == 0, done.stderr
    assert "recovered by our code (2)" in done.stdout
    content = report(tmp_path)
    cells = content["cells"]
    assert content["reference"]["digest"] == GOLDEN_DIGEST
    assert [(cell["repeat"], cell["verdict"], cell["store"]["digest"]) for cell in cells] == [
        (1, "recovered by our code", GOLDEN_DIGEST),
        (2, "recovered by our code", GOLDEN_DIGEST),
    ]
    assert [(delay["retry"], delay["declared"], delay["n"]) for delay in content["delays"]] == [(1, 0.1, 2)]
    markdown = (tmp_path / "shardwise-report" / "report.md").read_text()
    assert "shardwise compare --scenarios kill_worker_once --engines local" in markdown
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shardwise-report"]


@pytest.mark.parametrize(
    ("bug", "scenario", "evidence"),
    [
        (COUNTS_BEFORE_IT_IS_WRITTEN, "torn_write_once", {"missing": 101, "duplicated": 0, "stale": 0}),
        (WRITES_THE_FIRST_ROW_TWICE, "nothing_breaks", {"missing": 0, "duplicated": 10, "stale": 0}),
        (WRITES_OLD_VALUES, "nothing_breaks", {"missing": 0, "duplicated": 0, "stale": 1_000}),
    ],
    ids=["counts before it is written", "writes a row twice", "writes old values"],
)
def test_a_bug_in_the_commit_is_silently_wrong(
    tmp_path: Path, bug: str, scenario: str, evidence: dict[str, int]
) -> None:
    """The run completes with the right digest in its manifests; wrong profiles are counted, the exit status is 1."""
    bugs = tmp_path / "bugs"
    bugs.mkdir()
    (bugs / "sitecustomize.py").write_text(ONLY_IN_CELLS + bug)
    done = compare(tmp_path, "--scenarios", scenario, PYTHONPATH=os.pathsep.join([str(bugs), str(ROOT)]))
    assert done.returncode == 1, done.stderr
    (cell,) = report(tmp_path)["cells"]
    assert (cell["verdict"], cell["starts"][0]["completed"]) == ("silently wrong", True)
    assert {key: cell["store"][key] for key in evidence} == evidence
    assert cell["store"]["digest"] == GOLDEN_DIGEST
    assert cell["store"]["first_difference"].startswith("shard-00")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--engines", "airflow"], "--engines has airflow; known are local, prefect"),
        (["--scenarios", "flood"], "--scenarios has flood; known are all, nothing_breaks"),
        (["--data", "nowhere"], "crm.csv is missing"),
        (["--data", "dirty"], "there is nothing to compare with, an undisturbed run over"),
        (["--data", "dirty"], "crm.csv line 500: 'garbage' too few fields"),
        (["--out", "dirty/crm.csv"], "--out dirty/crm.csv cannot be a folder for the report: File exists"),
    ],
)
def test_what_cannot_run_is_refused(tmp_path: Path, options: list[str], message: str) -> None:
    """Exit status 2 and a message that says why."""
    dirty = shutil.copytree(ROOT / "sample_data", tmp_path / "dirty") / "crm.csv"
    lines = dirty.read_text(encoding="utf-8").splitlines()
    dirty.write_text("\n".join([*lines[:499], "garbage", *lines[500:], ""]), encoding="utf-8")
    done = compare(tmp_path, *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_every_kind_of_fault_is_in_a_scenario() -> None:
    """What can be broken is tried on all engines, and each column says what it is known to do."""
    assert {fault.kind for scenario in SCENARIOS.values() for fault in scenario.plan} == KINDS.keys()
    everywhere = COLUMNS.keys() - {"render-cloud"}  # what no public API can do is not tried there
    common = [each for each in SCENARIOS.values() if not each.name.startswith("deployed_")]
    assert all(everywhere <= scenario.expected.keys() <= COLUMNS.keys() for scenario in common)
    assert all(scenario.expected.keys() <= COLUMNS.keys() for scenario in SCENARIOS.values())
