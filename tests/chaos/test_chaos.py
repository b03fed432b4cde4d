"""Twenty seeds of the chaos runs, and that each thing it looks for is found. ``make chaos`` runs 500."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from shared.run.settings import SAMPLE_DATA
from tests.chaos.findings import MARK, RUN_ID, processes_of, stray_files, wrong_output
from tests.chaos.plan import SETUPS, SHARDS, SIGNALS, Plan
from tests.chaos.running import all_outcomes
from tests.shared.runs import Merged, merge

if TYPE_CHECKING:
    from pathlib import Path

    from tests.chaos.lane import Outcome

pytestmark = pytest.mark.servers

PLANS = [Plan.of(seed) for seed in range(20)]
LANES = 2


@pytest.fixture(scope="module")
def outcomes(request: pytest.FixtureRequest) -> dict[int, Outcome]:
    """How the selected seeds ended."""
    tests = [item for item in request.session.items if isinstance(item, pytest.Function)]
    chosen: list[Any] = [test.callspec.params["plan"] for test in tests if test.originalname == "test_a_seed"]
    return {outcome.plan.seed: outcome for outcome in all_outcomes(chosen, LANES)}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: f"seed{plan.seed}")
def test_a_seed(outcomes: dict[int, Outcome], plan: Plan) -> None:
    """Whatever was killed, stopped or terminated: the output is right when the run ends, and nothing else is left."""
    assert outcomes[plan.seed].problems == [], f"{plan}; again: python -m tests.chaos --seed {plan.seed}"


def test_the_seeds_are_worth_their_time() -> None:
    """Every way to run and every signal is among the twenty, and a seed is the same plan each time."""
    assert {plan.setup for plan in PLANS} == set(SETUPS)
    assert {each.signal for plan in PLANS for each in plan.disturbances} == set(SIGNALS)
    assert [Plan.of(plan.seed) for plan in PLANS] == PLANS


@pytest.fixture(scope="module")
def merged(tmp_path_factory: pytest.TempPathFactory) -> Merged:
    """An undisturbed run."""
    return merge(SAMPLE_DATA, tmp_path_factory.mktemp("undisturbed") / "store", run_id=RUN_ID, num_shards=SHARDS)


@pytest.fixture
def store(merged: Merged) -> Path:
    """Its store."""
    return merged.folder.parent.parent


def test_an_undisturbed_run_has_no_problems(merged: Merged, store: Path, tmp_path: Path) -> None:
    """The output is the golden one, and all files are documented."""
    assert list(wrong_output(store, {"result": merged.result}, merged.parts)) == []
    assert stray_files(store, tmp_path) == []


def test_wrong_output_is_found(merged: Merged, store: Path) -> None:
    """A failure, another digest, and a file that differs, is missing or was not there before."""
    lost = {"shard-000.parquet": b"other", "shard-009.parquet": b"more"}
    published = {name: data for name, data in merged.parts.items() if name != "shard-001.parquet"} | lost
    (differing,) = wrong_output(store, {"result": merged.result}, published)
    assert differing.endswith(": shard-000.parquet, shard-001.parquet, shard-009.parquet")
    assert list(wrong_output(store, {"error": "no luck"}, {})) == ["it failed: no luck"]
    changed = {"result": merged.result | {"digest": "v2:1000:0"}}
    assert next(iter(wrong_output(store, changed, merged.parts))).startswith("its digest is v2:1000:0, not v2:1000:")


@pytest.mark.parametrize(
    "name", ["tmp/x/half.parquet", f"runs/{RUN_ID}/profiles/shard-000.parquet.part", "runs/s/job.json"]
)
def test_a_stray_file_is_found(store: Path, tmp_path: Path, name: str) -> None:
    """One that is not documented, in the store or among the temporary files; what Python leaves is documented."""
    stray = store / name
    stray.parent.mkdir(parents=True, exist_ok=True)
    stray.touch()
    (tmp_path / "pymp-x").mkdir()
    (tmp_path / "pymp-x" / "listener-y").touch()
    (tmp_path / "spill").touch()
    assert stray_files(store, tmp_path) == [name, "temporary spill"]
    stray.unlink()


def test_a_process_that_is_left_is_found(tmp_path: Path) -> None:
    """Whatever has inherited a start's environment, stopped ones too."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, env={MARK: str(tmp_path)}) as left:
        left.send_signal(signal.SIGSTOP)
        assert processes_of(tmp_path) == [left.pid]
        assert processes_of(tmp_path / "other") == []
        left.kill()
