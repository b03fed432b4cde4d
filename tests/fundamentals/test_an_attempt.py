"""Read this second: an attempt that fails is tried again, and the ledger has both."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from flows.local import run_job
from shared.faults.plan import Fault
from shared.run import steps
from shared.run.errors import TerminalError, TransientError
from shared.run.ledger import read_attempts
from shared.run.policy import set_testing, shard_policy
from shared.run.store import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.run.job import Job

ONCE = Fault("exception", step="shard-001", attempts=(1,))
ALWAYS = Fault("exception", step="shard-001", attempts=(1, 2, 3, 4))
BAD_INPUT = Fault("terminal", step="shard-001", attempts=(1, 2, 3, 4))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Faults are allowed, steps run in this process, and retries do not wait."""
    monkeypatch.setenv("SHARDWISE_ALLOW_FAULTS", "true")
    monkeypatch.setenv("SHARDWISE_ISOLATION", "none")
    with set_testing():
        yield


def test_an_attempt_that_fails_is_tried_again(job: Job) -> None:
    """A fault is planned in the job; the second attempt at the shard has none, and the run completes."""
    result = run_job(replace(job, faults=(ONCE,)), 1, shard_policy())
    assert result["profiles_generated"] == 3
    assert attempts_at(job, "shard-001") == ["failed", "committed"]
    assert attempts_at(job, "shard-000") == ["committed"]


def test_after_four_attempts_the_run_fails(job: Job) -> None:
    """The error names the shard, and the other one stays committed."""
    with pytest.raises(TransientError, match="shard 1: TransientError: planned fault"):
        run_job(replace(job, faults=(ALWAYS,)), 1, shard_policy())
    assert attempts_at(job, "shard-001") == ["failed"] * 4
    assert attempts_at(job, "shard-000") == ["committed"]


def test_what_retrying_cannot_help_is_not_tried_again(job: Job) -> None:
    """A terminal error says that the input or the use is wrong."""
    with pytest.raises(TransientError, match="shard 1: TerminalError"):
        run_job(replace(job, faults=(BAD_INPUT,)), 1, shard_policy())
    assert attempts_at(job, "shard-001") == ["failed"]


def test_a_worker_takes_no_faults_unless_its_environment_says_so(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan of faults is for comparisons; anywhere else it is refused."""
    monkeypatch.delenv("SHARDWISE_ALLOW_FAULTS")
    with pytest.raises(TerminalError, match="this worker does not allow planned faults"):
        steps.open_run(replace(job, faults=(ONCE,)))


def attempts_at(job: Job, step: str) -> list[str]:
    """How the attempts at a step ended, oldest first."""
    entries = read_attempts(open_store(job.store_url), job.run_id)
    return [entry["end"]["outcome"] for entry in entries if entry["step"] == step]
