"""One retry policy: its promised waits, the settings that say it, and the mode for tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.faults.plan import Fault
from shared.run.errors import ShardsFailedError, TerminalError, TransientError
from shared.run.job import Job
from shared.run.opening import check_plan
from shared.run.policy import RetryPolicy, run_policy, set_testing, shard_policy


def test_a_shard_is_tried_four_times() -> None:
    """Three retries after 2, 3 and 4.5 seconds, without jitter."""
    assert (shard_policy().max_retries, shard_policy().max_attempts) == (3, 4)
    assert shard_policy().waits() == [timedelta(seconds=seconds) for seconds in (2, 3, 4.5)]


def test_a_run_is_retried_where_it_is_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """By default its steps are, and a retried run would multiply their attempts."""
    assert (run_policy().max_attempts, run_policy().waits()) == (1, [])
    monkeypatch.setenv("SHARDWISE_RUN_RETRIES", "1")
    assert (run_policy().max_attempts, run_policy().waits()) == (2, [timedelta(seconds=2)])


def test_waits_grow_by_the_factor() -> None:
    """Each wait is the one before times the factor."""
    policy = RetryPolicy(max_retries=4, first_wait=timedelta(seconds=1), factor=2, timeout=timedelta(seconds=9))
    assert policy.waits() == [timedelta(seconds=seconds) for seconds in (1, 2, 4, 8)]


@pytest.mark.parametrize(
    ("setting", "waits", "timeout"),
    [
        ({}, [2, 3, 4.5], 600),
        ({"SHARDWISE_WAIT_SCALE": "0.1"}, [0.2, 0.3, 0.45], 600),
        ({"SHARDWISE_WAIT_SCALE": "0"}, [0, 0, 0], 600),
        ({"SHARDWISE_MAX_RETRIES": "1", "SHARDWISE_FIRST_WAIT": "4", "SHARDWISE_WAIT_SCALE": "0.5"}, [2], 600),
        ({"SHARDWISE_MAX_RETRIES": "2", "SHARDWISE_WAIT_FACTOR": "3"}, [2, 6], 600),
        ({"SHARDWISE_SHARD_TIMEOUT": "2.5"}, [2, 3, 4.5], 2.5),
    ],
)
def test_the_settings_say_the_policy(
    monkeypatch: pytest.MonkeyPatch, setting: dict[str, str], waits: list[float], timeout: float
) -> None:
    """It is read at each call, so a process can see a changed policy later."""
    for name, value in setting.items():
        monkeypatch.setenv(name, value)
    policy = shard_policy()
    assert policy.waits() == [timedelta(seconds=wait) for wait in waits]
    assert policy.timeout == timedelta(seconds=timeout)


def test_a_test_waits_for_nothing() -> None:
    """Within ``set_testing`` there are no waits, and the attempts that the test wants; afterwards all is as before."""
    before = shard_policy()
    with set_testing():
        assert shard_policy().waits() == [timedelta(0)] * 3
        with set_testing(attempts=2, timeout=timedelta(seconds=1)):
            assert (shard_policy().max_attempts, shard_policy().timeout) == (2, timedelta(seconds=1))
        assert shard_policy() == replace(before, first_wait=timedelta(0))
    assert shard_policy() == before


def test_a_plan_for_attempts_that_are_not_allowed_is_refused() -> None:
    """A fault that could never fire is an error, and one for the last attempt is none."""
    check_plan(_job(Fault("kill", "stage", (1, 4))), shard_policy())
    with set_testing(attempts=2), pytest.raises(TerminalError) as caught:
        check_plan(_job(Fault("kill", "stage", (1, 4)), Fault("slow", "stage", (3,))), shard_policy())
    assert str(caught.value) == "a fault's attempts are [4, 3]; the policy allows those from 1 to 2"


def _job(*faults: Fault) -> Job:
    return Job("r", "/data", "/store", faults=faults)


def test_failed_shards_are_told_together() -> None:
    """The run's error names every failed shard with its reason, and how to resume; it is worth another start."""
    error = ShardsFailedError.of("night", {7: TransientError("no luck"), 2: TerminalError("bad")}, 10, 3)
    assert str(error) == (
        "2 of the run's shards failed after all retries:\n"
        "  shard 2: TerminalError: bad\n  shard 7: TransientError: no luck\n"
        "The others are committed; run again with run_id night to do only these."
    )
    assert isinstance(error, TransientError)


def test_a_failed_run_claims_no_retries_and_no_commits_that_there_were_not() -> None:
    """Without retries, or with errors that are not retried, there were none; where all failed, nothing is committed."""
    one, bad = {0: TransientError("no luck")}, {0: TerminalError("bad"), 1: TerminalError("bad")}
    assert str(ShardsFailedError.of("r", one, 2, 0)).startswith("1 of the run's shards failed:\n")
    assert str(ShardsFailedError.of("r", bad, 3, 3)).startswith("2 of the run's shards failed:\n")
    assert str(ShardsFailedError.of("r", bad, 2, 3)).endswith("\nNo shard is committed; run again with run_id r.")


def test_of_many_failed_shards_some_are_told() -> None:
    """A message of a thousand lines helps nobody."""
    failures: dict[int, BaseException] = {shard: TransientError("no luck") for shard in range(500)}
    lines = str(ShardsFailedError.of("r", failures, 1000, 3)).splitlines()
    assert (len(lines), lines[20], lines[21]) == (23, "  shard 19: TransientError: no luck", "  and 480 more")


def test_an_error_of_a_pipeline_is_told_with_its_line() -> None:
    """The person who wrote it finds the file and the line, also of one that comes from another process."""
    try:
        int("x")
    except ValueError as error:
        here = str(ShardsFailedError.of("night", {0: error}, 10, 3))
    there = ValueError("y")
    there.add_note('Traceback:\n  File "/a/worker.py", line 3, in run\n  File "/a/clicks.py", line 7, in count')
    assert f"invalid literal for int() with base 10: 'x' ({__file__}, line " in here
    assert "shard 0: ValueError: y (/a/clicks.py, line 7)\n" in str(ShardsFailedError.of("night", {0: there}, 10, 3))
