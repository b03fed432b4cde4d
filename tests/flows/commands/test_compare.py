"""``shardwise compare``: exit status, what it prints and writes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flows.compare.record.observed import Policy
from flows.engine.verdicts import Verdict
from flows.registry import COLUMNS
from shared.faults.plan import KINDS
from tests.command import shardwise
from tests.flows.compare import pipelines
from tests.flows.compare.known import RUNS_ON, SCENARIOS
from tests.flows.compare.made import recorded
from tests.golden import GOLDEN_DIGEST

if TYPE_CHECKING:
    from subprocess import CompletedProcess

ROOT = Path(__file__).resolve().parents[3]
LYING = Path(pipelines.__path__[0])

pytestmark = pytest.mark.servers  # whole comparisons, each in processes of its own


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


def lying(folder: Path, scenario: str, *options: str, **settings: str) -> CompletedProcess[str]:
    """Compare a pipeline that lies in cells."""
    job = ["--pipeline", "lying:pipeline", "--scenarios", scenario, "--repeat", "1", *options]
    return compare(folder, *job, PYTHONPATH=str(LYING), **settings)


def test_a_run_that_became_silently_wrong_is_a_regression(tmp_path: Path) -> None:
    """Records that are there twice behind the right result are counted; exit status 1, and what was before."""
    before = tmp_path / "before"
    before.mkdir()
    assert lying(before, "nothing_breaks").returncode == 0
    old = before / "shardwise-report" / "compare.json"
    worse = lying(tmp_path, "nothing_breaks", "--param", "lie=twice", "--against", str(old))
    assert worse.returncode == 1, worse.stderr
    (cell,) = recorded(tmp_path).cells
    assert cell.judgement.verdict is Verdict.WRONG
    assert (cell.store.missing, cell.store.duplicated, cell.store.stale) == (0, 10, 0)
    assert cell.store.first_difference == "shard-000 has records more than once"
    assert "WORSE nothing_breaks on local: unaffected is now silently wrong" in worse.stdout
    assert (tmp_path / "shardwise-report" / "compare.junit.xml").read_text().count("<failure") >= 2


def test_a_process_that_stays_after_its_answer_is_told(tmp_path: Path) -> None:
    """The caller has the error, so the run is not stuck; that its process does not end is a finding."""
    assert lying(tmp_path, "raise_always", LINGERS="yes").returncode == 0
    (cell,) = recorded(tmp_path).cells
    assert cell.judgement.verdict is Verdict.FAILED
    assert cell.judgement.findings == ("the process of start 1 had answered, and did not end",)


def test_own_policy_is_what_engines_keep(tmp_path: Path) -> None:
    """One retry after half a second: an error twice is one too many, and the cell expects that, also redacted."""
    options = ["--retries", "1", "--wait", "0.5", "--factor", "2", "--timeout", "60", "--redact"]
    done = compare(tmp_path, "--scenarios", "raise_twice,raise_terminal", "--wait-scale", "1", *options)
    assert done.returncode == 0, done.stderr
    made = recorded(tmp_path)
    assert made.declared == Policy(max_attempts=2, waits_seconds=(0.5,), timeout_seconds=60.0)
    assert {(cell.scenario, cell.judgement.verdict, cell.judgement.attempts) for cell in made.cells} == {
        ("raise_twice", Verdict.FAILED, 2),
        ("raise_terminal", Verdict.FAILED, 1),
    }
    assert all("--retries 1 --wait 0.5 --factor 2 --timeout 60 --redact" in cell.command for cell in made.cells)
    assert {cell.scenario: cell.starts[0].error for cell in made.cells} == {
        "raise_twice": "ShardsFailedError: planned fault: exception",
        "raise_terminal": "ShardsFailedError: planned fault: terminal",
    }
    assert {cell.log for cell in made.cells} <= {"", "(hidden)"}


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
