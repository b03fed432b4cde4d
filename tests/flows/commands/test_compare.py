"""``shardwise compare``: exit status, what it prints and writes, and bugs in the commit that it must find."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flows.compare.record.observed import Policy
from flows.engine.verdicts import Absent, Verdict
from flows.registry import COLUMNS
from shared.faults.plan import KINDS
from tests.command import shardwise
from tests.flows.compare.known import RUNS_ON, SCENARIOS
from tests.flows.compare.made import recorded
from tests.golden import GOLDEN_DIGEST

if TYPE_CHECKING:
    from subprocess import CompletedProcess

    from flows.compare.record.observed import Cell

ROOT = Path(__file__).resolve().parents[3]

pytestmark = pytest.mark.servers  # whole comparisons, each in processes of its own

# Python runs a sitecustomize.py of its path at its start. Only processes of cells may inject faults, so only they lie:
# the command and the undisturbed run that cells are compared with stay honest.
ONLY_IN_CELLS = """
import os
if os.environ.get("SHARDWISE_ALLOW_FAULTS") == "true":
    from datetime import timedelta
    from flows import local
    from shared.customers import pipeline, shard
    from shared.faults import actions
    from shared.run import policy, steps
    from shared.run.errors import TransientError
    from shared.run.scratch import scratch
"""
COUNTS_BEFORE_IT_IS_WRITTEN = """
    def early(run, shard_id, points, current):
        part = run.part_name(shard_id, current.number)
        with scratch() as folder:
            path = folder / "shard"
            path.touch()
            points.before_write(path)
            returned = run.pipeline.process_shard(run.context(current.number), shard_id, path)
            facts, digest = steps.facts_of(run, returned, path)
            counts = run.commit(steps.Manifest(
                shard_id=shard_id, part=part, digest=digest.text(run.pipeline.version), facts=facts,
                input_digest=run.invocation.input_digest, invocation=run.job.invocation,
                attempt=current.number, elapsed_ms=0, staging=run.content,
            ))
            points.before_commit()
            with run.store.publishing(part) as published:
                published.write_bytes(path.read_bytes())
        return counts
    steps._commit_shard = early
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
ADDS_SEVEN = """
    aggregate = pipeline.CustomerMerge.aggregate
    def lying(self, context, shards):
        result = aggregate(self, context, shards)
        return result | {"profiles_generated": result["profiles_generated"] + 7}
    pipeline.CustomerMerge.aggregate = lying
"""
ANSWERS_WITH_ANOTHER_DIGEST = """
    run_job = local.run_job
    local.run_job = lambda *given: run_job(*given) | {"digest": "v2:1000:0"}
"""
NEVER_WAITS = """
    policy.RetryPolicy.waits = lambda self: [timedelta(0)] * self.max_retries
"""
LOSES_A_RETRY = """
    from dataclasses import replace
    with_retries = local.with_retries
    local.with_retries = lambda policy, *given: with_retries(replace(policy, max_retries=1), *given)
"""
NEVER_LEAVES = """
    import sys, threading, time
    if "flows.compare.observe.driver" in sys.orig_argv:
        threading.Thread(target=time.sleep, args=(600,)).start()
"""
DOES_NOTHING = """
    actions.kill = lambda: None
"""
RAISES_INSTEAD = """
    def did_not_fire(*_):
        raise TransientError("did not fire")
    actions.kill = actions.disk_full = actions.out_of_memory = did_not_fire
"""


def compare(folder: Path, *options: str, **settings: str) -> CompletedProcess[str]:
    """Compare on engine local, with short waits."""
    return shardwise("compare", "--engines", "local", "--wait-scale", "0.05", *options, cwd=folder, **settings)


def test_a_cell_as_expected(tmp_path: Path) -> None:
    """Exit status 0, a matrix, both reports, the digest and the command that runs the cell again."""
    done = compare(tmp_path, "--scenarios", "raise_twice", "--repeat", "2")
    assert done.returncode == 0, done.stderr
    assert "ours 3" in done.stdout
    made = recorded(tmp_path)
    assert made.reference.digest == GOLDEN_DIGEST
    assert [(cell.repeat, cell.judgement.verdict, cell.store.digest) for cell in made.cells] == [
        (1, Verdict.OURS, GOLDEN_DIGEST),
        (2, Verdict.OURS, GOLDEN_DIGEST),
    ]
    delays = made.conclusions.delays
    assert [(delay.retry, delay.declared, delay.n) for delay in delays] == [(1, 0.1, 2), (2, 0.15, 2)]
    page = (tmp_path / "shardwise-report" / "report.html").read_text()
    assert "shardwise compare --scenarios raise_twice --engines local --wait-scale 0.05" in page
    assert "recovered by our code (3)" in (tmp_path / "shardwise-report" / "report.md").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shardwise-report"]


def planted(folder: Path, lie: str) -> str:
    """A PYTHONPATH with a lie for all cells."""
    (folder / "lies").mkdir()
    (folder / "lies" / "sitecustomize.py").write_text(ONLY_IN_CELLS + lie)
    return os.pathsep.join([str(folder / "lies"), str(ROOT)])


def lying(folder: Path, lie: str, scenario: str) -> Cell:
    """The one cell of a comparison whose cells are not what they seem; it must not pass."""
    done = compare(folder, "--scenarios", scenario, "--repeat", "1", PYTHONPATH=planted(folder, lie))
    assert done.returncode == 1, done.stderr
    (cell,) = recorded(folder).cells
    assert not cell.judgement.as_expected
    return cell


@pytest.mark.parametrize(
    ("lie", "scenario", "evidence"),
    [
        (COUNTS_BEFORE_IT_IS_WRITTEN, "torn_write_once", {"missing": 101, "duplicated": 0, "stale": 0}),
        (WRITES_THE_FIRST_ROW_TWICE, "nothing_breaks", {"missing": 0, "duplicated": 10, "stale": 0}),
        (WRITES_OLD_VALUES, "nothing_breaks", {"missing": 0, "duplicated": 0, "stale": 1_000}),
    ],
    ids=["counts before it is written", "writes a row twice", "writes old values"],
)
def test_a_bug_in_the_commit_is_silently_wrong(
    tmp_path: Path, lie: str, scenario: str, evidence: dict[str, int]
) -> None:
    """Wrong records behind the right digest are counted, whatever the engine says; the exit status is 1."""
    cell = lying(tmp_path, lie, scenario)
    assert cell.judgement.verdict is Verdict.WRONG
    assert {key: getattr(cell.store, key) for key in evidence} == evidence
    assert cell.store.first_difference.startswith("shard-00")


@pytest.mark.parametrize(
    ("lie", "difference"),
    [
        (ADDS_SEVEN, "result: profiles_generated is 1007, expected 1000"),
        (ANSWERS_WITH_ANOTHER_DIGEST, "answer: digest differs"),
    ],
    ids=["a total that is too high", "another digest to the caller"],
)
def test_a_lie_beside_right_records_is_silently_wrong(tmp_path: Path, lie: str, difference: str) -> None:
    """The files are right, and so is the digest in the store."""
    cell = lying(tmp_path, lie, "nothing_breaks")
    assert (cell.judgement.verdict, cell.store.differences) == (Verdict.WRONG, [difference])


@pytest.mark.parametrize(
    ("lie", "scenario"),
    [(DOES_NOTHING, "kill_worker_once"), (RAISES_INSTEAD, "kill_worker_once"), (RAISES_INSTEAD, "disk_full_once")],
    ids=["a kill that does nothing", "an error in place of a kill", "an error in place of a full disk"],
)
def test_a_fault_that_does_not_fire_tests_nothing(tmp_path: Path, lie: str, scenario: str) -> None:
    """The run recovers, or needs not to, and the cell is not a success."""
    cell = lying(tmp_path, lie, scenario)
    judgement = cell.judgement
    assert (judgement.verdict, judgement.tested, cell.starts[0].completed) == (Absent.NOT_TESTED, False, True)
    assert "left a marker and no trace in the ledger" in judgement.mismatches[0]


def test_waits_of_nothing_are_not_kept(tmp_path: Path) -> None:
    """A retry that comes at once is a mismatch, though nothing is late."""
    cell = lying(tmp_path, NEVER_WAITS, "raise_twice")
    assert cell.judgement.verdict is Verdict.OURS
    assert any("before the declared" in mismatch for mismatch in cell.judgement.mismatches)


def test_a_process_that_stays_after_its_answer_is_told(tmp_path: Path) -> None:
    """The caller has the error, so the run is not stuck; that its process does not end is a finding."""
    path = planted(tmp_path, NEVER_LEAVES)
    assert compare(tmp_path, "--scenarios", "raise_always", "--repeat", "1", PYTHONPATH=path).returncode == 0
    (cell,) = recorded(tmp_path).cells
    assert cell.judgement.verdict is Verdict.FAILED
    assert cell.judgement.findings == ("the process of start 1 had answered, and did not end",)


def test_a_lost_retry_is_a_regression(tmp_path: Path) -> None:
    """Against the comparison of before, with which nothing else has changed."""
    before = tmp_path / "before"
    before.mkdir()
    assert compare(before, "--scenarios", "raise_twice", "--repeat", "1").returncode == 0
    old = before / "shardwise-report" / "compare.json"
    again = compare(tmp_path, "--scenarios", "raise_twice", "--repeat", "1", "--against", str(old))
    assert again.returncode == 0, again.stdout
    path = planted(tmp_path, LOSES_A_RETRY)
    worse = compare(tmp_path, "--scenarios", "raise_twice", "--repeat", "1", "--against", str(old), PYTHONPATH=path)
    assert worse.returncode == 1
    assert "WORSE raise_twice on local: recovered by our code is now failed with an error" in worse.stdout
    assert (tmp_path / "shardwise-report" / "compare.junit.xml").read_text().count("<failure") >= 2


def test_own_policy_is_what_engines_keep(tmp_path: Path) -> None:
    """One retry after half a second: an error twice is one too many, and the cell expects that."""
    options = ["--retries", "1", "--wait", "0.5", "--factor", "2", "--timeout", "60"]
    done = compare(tmp_path, "--scenarios", "raise_twice,raise_terminal", "--wait-scale", "1", *options)
    assert done.returncode == 0, done.stderr
    made = recorded(tmp_path)
    assert made.declared == Policy(max_attempts=2, waits_seconds=(0.5,), timeout_seconds=60.0)
    assert {(cell.scenario, cell.judgement.verdict, cell.judgement.attempts) for cell in made.cells} == {
        ("raise_twice", Verdict.FAILED, 2),
        ("raise_terminal", Verdict.FAILED, 1),
    }
    assert all("--retries 1 --wait 0.5 --factor 2 --timeout 60" in cell.command for cell in made.cells)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--engines", "airflow"], "--engines has airflow; known are local, prefect"),
        (["--scenarios", "flood"], "--scenarios has flood; known are nothing_breaks"),
        (["--data", "nowhere"], "crm.csv is missing"),
        (["--data", "dirty"], "there is nothing to compare with, a run without faults over"),
        (["--data", "dirty"], "crm.csv line 500: 'garbage' too few fields"),
        (["--with", "nowhere.json"], "--with nowhere.json cannot be read"),
        (["--against", "dirty/crm.csv"], "--against dirty/crm.csv cannot be read"),
        (["--prices", "nowhere.json"], "--prices nowhere.json cannot be read"),
        (["--pipeline", "nobody:pipeline"], "there is no module nobody"),
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
    assert all(everywhere <= RUNS_ON[scenario.name] for scenario in common)
