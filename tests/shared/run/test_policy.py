"""One retry policy: its promised waits, and the two settings that scale it."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta

import pytest

from shared.run.errors import ShardsFailedError, TerminalError, TransientError
from shared.run.policy import ORCHESTRATOR_POLICY, SHARD_POLICY, RetryPolicy

READ = """
from shared.run.policy import SHARD_POLICY
print([wait.total_seconds() for wait in SHARD_POLICY.waits()], SHARD_POLICY.timeout.total_seconds())
"""


def test_a_shard_is_tried_four_times() -> None:
    """Three retries after 2, 3 and 4.5 seconds, without jitter."""
    assert (SHARD_POLICY.max_retries, SHARD_POLICY.max_attempts) == (3, 4)
    assert SHARD_POLICY.waits() == [timedelta(seconds=seconds) for seconds in (2, 3, 4.5)]


def test_the_orchestrator_is_not_tried_again() -> None:
    """A retried parent would fan everything out a second time."""
    assert (ORCHESTRATOR_POLICY.max_attempts, ORCHESTRATOR_POLICY.waits()) == (1, [])


def test_waits_grow_by_the_factor() -> None:
    """Each wait is the one before times the factor."""
    policy = RetryPolicy(max_retries=4, first_wait=timedelta(seconds=1), factor=2, timeout=timedelta(seconds=9))
    assert policy.waits() == [timedelta(seconds=seconds) for seconds in (1, 2, 4, 8)]


@pytest.mark.parametrize(
    ("setting", "printed"),
    [
        ({}, "[2.0, 3.0, 4.5] 600.0"),
        ({"SHARDWISE_WAIT_SCALE": "0.1"}, "[0.2, 0.3, 0.45] 600.0"),
        ({"SHARDWISE_WAIT_SCALE": "0"}, "[0.0, 0.0, 0.0] 600.0"),
        ({"SHARDWISE_WAIT_SCALE": ""}, "[2.0, 3.0, 4.5] 600.0"),
        ({"SHARDWISE_SHARD_TIMEOUT": "2.5"}, "[2.0, 3.0, 4.5] 2.5"),
    ],
)
def test_the_environment_scales_the_policy(setting: dict[str, str], printed: str) -> None:
    """Waits shrink without changing attempts, and the timeout is seconds; both are read when a process starts."""
    assert read(setting).stdout.strip() == printed


def test_failed_shards_are_told_together() -> None:
    """The run's error names every failed shard with its reason, and how to go on; it is worth another start."""
    error = ShardsFailedError.of("night", {7: TransientError("no luck"), 2: TerminalError("bad")})
    assert str(error) == (
        "2 of the run's shards failed after all retries:\n"
        "  shard 2: TerminalError: bad\n  shard 7: TransientError: no luck\n"
        "The others are committed; run again with run_id night to do only these."
    )
    assert isinstance(error, TransientError)


def read(setting: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """What a fresh process reads."""
    return subprocess.run(
        [sys.executable, "-c", READ], env=os.environ | setting, capture_output=True, text=True, check=False
    )


def test_an_error_of_a_pipeline_is_told_with_its_line() -> None:
    """The person who wrote it finds the file and the line, also of one that comes from another process."""
    try:
        int("x")
    except ValueError as error:
        here = str(ShardsFailedError.of("night", {0: error}))
    there = ValueError("y")
    there.add_note('Traceback:\n  File "/a/worker.py", line 3, in run\n  File "/a/clicks.py", line 7, in count')
    assert f"invalid literal for int() with base 10: 'x' ({__file__}, line " in here
    assert "shard 0: ValueError: y (/a/clicks.py, line 7)\n" in str(ShardsFailedError.of("night", {0: there}))
