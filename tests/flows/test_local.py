"""The engine without an orchestrator: every step has the policy's attempts."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from flows.local import run_job
from shared.faults.plan import Fault
from shared.run import steps
from shared.run.errors import ShardsFailedError, StoreError, TerminalError
from shared.run.ledger import read_attempts
from shared.run.policy import set_testing, shard_policy
from shared.run.run import Run
from tests.data import row, write_sources
from tests.shared.runs import folder_of, merge, new_job, published
from tests.shared.small import small_job

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.run.job import Job
    from shared.run.pipeline import Context
    from tests.shared.runs import Json

ALL = (1, 2, 3, 4)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three customers."""
    return write_sources(tmp_path / "data", crm=[row(customer) for customer in "abc"])


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Steps run in this process, without isolation, and retries wait for nothing."""
    monkeypatch.setenv("SHARDWISE_ALLOW_FAULTS", "true")
    monkeypatch.setenv("SHARDWISE_ISOLATION", "none")
    with set_testing():
        yield


def outcomes(job: Job, step: str) -> list[str]:
    """How the attempts at a step ended, in their order."""
    entries = read_attempts(Run.of(job).store, job.run_id)
    return [entry["end"]["outcome"] for entry in entries if entry["step"] == step]


@pytest.mark.parametrize("kind", ["store_away", "exception"])
@pytest.mark.parametrize("step", ["stage", "shard-001", "aggregate"])
def test_a_store_that_is_away_once_fails_no_run(data: Path, tmp_path: Path, step: str, kind: str) -> None:
    """Every step, the aggregation too, is tried again; its attempts are in the ledger, and the result is the same."""
    job = new_job(data, tmp_path / "store", faults=(Fault(kind, step),))
    result = run_job(job, 1, shard_policy())
    assert result["digest"] == merge(data, tmp_path / "undisturbed").result["digest"]
    done = {"stage": "new"}.get(step, "committed")
    assert outcomes(job, step) == ["failed", done]
    assert outcomes(job, "shard-000") == ["committed"]


def test_an_aggregation_has_as_many_attempts_as_a_shard(data: Path, tmp_path: Path) -> None:
    """After the last of them the run fails with the error; nothing is published, and the next start needs it only."""
    job = new_job(data, tmp_path / "store", faults=(Fault("store_away", "aggregate", ALL),))
    with pytest.raises(ConnectionError, match="planned fault: store_away"):
        run_job(job, 1, shard_policy())
    assert outcomes(job, "aggregate") == ["failed"] * len(ALL)
    assert "result.json" not in published(job)
    assert run_job(job, 1, shard_policy())["shards_processed"] == 3
    assert outcomes(job, "shard-000") == ["committed"]


def test_bad_use_is_not_tried_again(data: Path, tmp_path: Path) -> None:
    """A terminal error of the aggregation ends the run at its first attempt."""
    job = new_job(data, tmp_path / "store", faults=(Fault("terminal", "aggregate", ALL),))
    with pytest.raises(TerminalError, match="planned fault: terminal"):
        run_job(job, 1, shard_policy())
    assert outcomes(job, "aggregate") == ["failed"]


def test_a_failed_shard_leaves_the_others_committed(data: Path, tmp_path: Path) -> None:
    """The run names it and says how to resume; there is no aggregation."""
    job = new_job(data, tmp_path / "store", faults=(Fault("exception", "shard-001", ALL),))
    with pytest.raises(ShardsFailedError, match=r"(?s)shard 1: TransientError: planned fault.*run_id r to do only"):
        run_job(job, 1, shard_policy())
    assert Run.of(job).committed() == {0, 2}
    assert outcomes(job, "aggregate") == []
    assert not (folder_of(job) / "profiles").exists()
    assert steps.open_run(job).invocation == 2


def test_a_store_that_goes_away_stops_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before, each of a thousand shards was tried four times; now three in a row are, and the message says why."""
    begun = []

    def process_shard(_: object, _context: Context, shard_id: int, path: Path) -> Json:
        begun.append(shard_id)
        if shard_id >= 2:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        path.write_text("x")
        return {}

    job = replace(small_job(tmp_path, monkeypatch, process_shard=process_shard), num_shards=50)
    with pytest.raises(StoreError) as caught:
        run_job(job, 1, shard_policy())
    assert str(caught.value).startswith(
        "the run was stopped, because 3 shards in a row failed for the same reason: "
        f"the store {tmp_path}/store failed: {tmp_path}/store/tmp/"
    )
    assert str(caught.value).endswith("Committed shards stay; run again with run_id r when the store works.")
    assert sorted(set(begun)) == [0, 1, 2, 3, 4]
    assert Run.of(job).committed() == {0, 1}
