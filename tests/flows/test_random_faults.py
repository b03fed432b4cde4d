"""60 random fault plans: each run ends with the right profiles or fails by name, and running again completes it.

Each test is named after the seed of its plan: ``-k "[seed37]"`` runs that one alone.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flows.local import run_job
from shared.faults.plan import KINDS
from shared.isolation import pool
from shared.run.loading import allow
from shared.run.new_job import make_job
from shared.run.policy import shard_policy
from shared.run.run import Run
from shared.run.settings import SAMPLE_DATA
from shared.run.step_names import AGGREGATE, STAGE, shard_step
from tests.flows.compare import pipelines
from tests.flows.fault_plans import ATTEMPTS, HURRIED, NUM_SHARDS, PATIENT, Plan, run_and_judge
from tests.golden import GOLDEN_DIGEST
from tests.shared.runs import merge

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.servers

PLANS = [Plan.of(seed) for seed in range(60)]
AT_A_TIME = 4  # plans wait for timeouts and for processes most of their time

Runs = dict[int, Future[str]]


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """An undisturbed run over the sample."""
    store = tmp_path_factory.mktemp("faults") / "store"
    merged = merge(SAMPLE_DATA, store, run_id="undisturbed", num_shards=NUM_SHARDS)
    assert merged.result["digest"] == GOLDEN_DIGEST
    return Run.of(merged.job)


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest, reference: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """The runs of all selected plans with one timeout, some at a time, in processes and with waits of milliseconds."""
    policy = replace(shard_policy(), first_wait=timedelta(milliseconds=5), timeout=timedelta(seconds=request.param))
    tests = [item for item in request.session.items if isinstance(item, pytest.Function)]
    chosen: list[Any] = [test.callspec.params["plan"] for test in tests if test.originalname == "test_a_random_plan"]
    folder = tmp_path_factory.mktemp("plans")
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(AT_A_TIME) as threads:
        patch.delenv("SHARDWISE_ISOLATION", raising=False)
        pool.start(2 * AT_A_TIME)
        yield {
            plan.seed: threads.submit(run_and_judge, plan, reference, folder / str(plan.seed), policy)
            for plan in chosen
            if plan.timeout == request.param
        }
        threads.shutdown(cancel_futures=True)
        pool.stop()


@pytest.mark.parametrize(
    ("runs", "plan"),
    [pytest.param(plan.timeout, plan, id=f"seed{plan.seed}") for plan in PLANS],
    indirect=["runs"],
    scope="module",
)
def test_a_random_plan(runs: Runs, plan: Plan) -> None:
    """No customer is missing, twice or stale: the run recovers, or fails by name and completes when run again."""
    assert runs[plan.seed].result() in {"recovered", "failed by name"}


def test_the_plans_are_worth_their_time() -> None:
    """They have every kind of fault, on shards and on the staging, on every attempt, and many must recover."""
    faults = [fault for plan in PLANS for fault in plan.faults]
    assert {fault.kind for fault in faults} == KINDS.keys()
    assert {fault.step for fault in faults} == {STAGE, AGGREGATE, *map(shard_step, range(NUM_SHARDS))}
    assert any(fault.attempts == tuple(ATTEMPTS) for fault in faults)
    assert sum(plan.must_recover for plan in PLANS) >= 25
    assert Counter(plan.timeout for plan in PLANS).keys() == {PATIENT, HURRIED}


def test_a_job_that_is_not_safe_to_retry_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a job whose later attempts write more than the first, the tests of this file fail and name their seed."""
    for name in ("SHARDWISE_PIPELINES", "SHARDWISE_PIPELINE_PATH"):
        monkeypatch.setenv(name, "")
    allow("lying:pipeline", Path(pipelines.__path__[0]))
    job = make_job(
        pipeline="lying:pipeline",
        parameters={"lie": "again"},
        store_url=str(tmp_path / "store"),
        num_shards=NUM_SHARDS,
        run_id="undisturbed",
    )
    torn = next(plan for plan in map(Plan.of, count()) if _is_torn(plan))
    pool.stop()  # its workers may not know the pipeline
    try:
        run_job(job, 1, shard_policy())
        with pytest.raises(AssertionError, match=f"plan {torn.seed}: .*: silently wrong: .*duplicated=1"):
            run_and_judge(torn, Run.of(job), tmp_path / "plan", replace(shard_policy(), first_wait=timedelta()))
    finally:
        pool.stop()


def _is_torn(plan: Plan) -> bool:
    """Whether the first thing that breaks in some shard, and the only one anywhere, is its write."""
    (first, *others) = plan.faults
    return not others and first.kind == "torn_write" and first.step.startswith("shard-") and first.attempts[0] == 1
