"""Options: the policy that follows from them, what scenarios promise under it, the command that runs a cell again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from flows.compare.options import Options, RetryOptions
from flows.compare.scenarios.catalogue import MIN_SHARDS, find_scenarios, scenarios_for
from flows.compare.scenarios.expectations import expected_on
from flows.engine.scenario import Kind
from flows.engine.verdicts import RECOVERED, Verdict
from flows.registry import COLUMNS, ENGINES
from shared.run.errors import TerminalError
from tests.flows.compare.known import SCENARIOS


def test_the_policy_follows_from_the_options() -> None:
    """Without any it is the project's; the scale multiplies all waits."""
    assert RetryOptions().policy().waits() == [timedelta(seconds=wait) for wait in (2, 3, 4.5)]
    own = RetryOptions(retries=2, wait=1.0, factor=3.0, timeout=9.0, wait_scale=0.5)
    assert own.policy().waits() == [timedelta(seconds=0.5), timedelta(seconds=1.5)]
    assert own.environment(None) == {
        "SHARDWISE_MAX_RETRIES": "2",
        "SHARDWISE_FIRST_WAIT": "0.5",
        "SHARDWISE_WAIT_FACTOR": "3",
        "SHARDWISE_SHARD_TIMEOUT": "9",
    }
    assert own.environment(2.0)["SHARDWISE_SHARD_TIMEOUT"] == "2"


def test_the_command_again_carries_what_was_chosen() -> None:
    """What is as by default is left out; a shell reads it as it was meant."""
    assert Options().to_arguments() == ""
    own = Options(
        pipeline="a.b:c", params=("name=two words",), data="x y", shards=12, retry=RetryOptions(1, wait_scale=0.05)
    )
    assert own.to_arguments() == (
        " --param 'name=two words' --pipeline a.b:c --data 'x y' --shards 12 --retries 1 --wait-scale 0.05"
    )


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_scenarios_promise_what_the_policy_allows(retries: int) -> None:
    """An error twice is recovered with two retries or more; without any, one error fails."""
    policy = RetryOptions(retries).policy()
    own = scenarios_for(policy, MIN_SHARDS, ENGINES.values())
    assert own["raise_twice"].attempts == min(3, retries + 1)
    twice = expected_on(COLUMNS["prefect"], own["raise_twice"], policy)
    once = expected_on(COLUMNS["render"], own["every_shard_raises"], policy)
    assert twice
    assert once
    assert (twice.verdict in RECOVERED) == (retries >= 2)
    assert (once.verdict is Verdict.FAILED) == (retries == 0)
    assert own["raise_always"].attempts == retries + 1


def test_without_options_a_column_runs_where_it_tells_more() -> None:
    """Where processes end, and undisturbed; where a deployment may differ; all other columns run everything."""
    left_out = {
        name: {each.name for each in SCENARIOS.values() if not column.tells(each)} for name, column in COLUMNS.items()
    }
    never = {name for name, scenarios in left_out.items() if scenarios == SCENARIOS.keys()}
    assert never == {"prefect-shipped", "prefect-dask", "prefect-per-shard"}
    partly = {name for name, scenarios in left_out.items() if scenarios} - never
    assert partly == {"prefect-processpool", "prefect-deployed"}
    kept = SCENARIOS.keys() - left_out["prefect-processpool"]
    assert kept == {"nothing_breaks", "kill_worker_once", "hang_once", "exit_without_result_once"}
    deployed = left_out["prefect-deployed"]
    assert {"raise_always", "two_faults"} <= deployed
    assert not deployed & {"kill_worker_once", "hang_once", "cancel_mid_run", "kill_orchestrator_then_run_again"}
    assert not any(scenario.startswith("deployed") for scenario in deployed)


def test_slow_scenarios_run_by_name_or_all() -> None:
    """An empty list takes those that are not slow."""
    slow = {name for name, scenario in SCENARIOS.items() if scenario.slow}
    assert {"hundred_shards", "thousand_shards"} <= slow
    assert {each.name for each in find_scenarios("", SCENARIOS, slow=False)} == SCENARIOS.keys() - slow
    assert {each.name for each in find_scenarios("", SCENARIOS, slow=True)} == SCENARIOS.keys()
    assert [each.name for each in find_scenarios(" hundred_shards,", SCENARIOS, slow=False)] == ["hundred_shards"]
    with pytest.raises(TerminalError, match="--scenarios has flood; known are nothing_breaks"):
        find_scenarios("flood", SCENARIOS, slow=False)


def test_faults_are_tried_at_every_step_and_together() -> None:
    """Faults in the aggregation, two in one run, on the last attempt, on every shard."""
    plans = {name: scenario.plan for name, scenario in SCENARIOS.items()}
    assert {fault.kind for name in plans for fault in plans[name] if fault.step == "aggregate"} == {
        "exception",
        "torn_write",
        "store_away",
        "crash_after_commit",
        "duplicate_attempt",
    }
    assert len({fault.step for fault in plans["two_faults"]}) == 2
    assert plans["kill_on_last_attempt"][-1].attempts == (4,)
    assert len(plans["every_shard_raises"]) == 10
    own = [each.expects for each in SCENARIOS.values() if not isinstance(each.expects, Kind)]
    assert own
    assert all(columns.keys() <= COLUMNS.keys() for columns in own)
