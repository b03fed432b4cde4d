"""Read this first: what a run is, one idea a test, through the four steps that every engine takes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from shared.customers.sharding import shard_of
from shared.run import steps
from shared.run.errors import TerminalError
from tests.data import row, write_sources

if TYPE_CHECKING:
    from pathlib import Path

    from shared.run.job import Job
    from shared.run.run import JsonObject


def test_a_run_has_four_steps(job: Job) -> None:
    """Open it, stage its files, process each shard, aggregate: what comes back is small JSON."""
    job = steps.open_run(job)
    steps.stage(job)
    for shard in range(2):
        steps.process_shard(job, shard)
    result = steps.aggregate(job)
    assert result["profiles_generated"] == 3
    assert result["records_processed"] == 5


def test_the_profiles_stay_in_the_store(job: Job) -> None:
    """The result says where they are, and they read as one dataset."""
    result = finish(steps.open_run(job))
    profiles = pd.read_parquet(result["output"]).set_index("customer_id")
    assert sorted(profiles.index) == ["ada", "bob", "eve"]
    assert profiles.loc["bob", "industry"] == "Retail"  # of two rows the last one wins
    assert profiles.loc["ada", "health_score"] == 65  # 50, and 15 for a paid bill


def test_a_customer_is_on_exactly_one_shard(job: Job) -> None:
    """The shard follows from the id alone, so one worker sees all rows of a customer."""
    result = finish(steps.open_run(job))
    for shard in range(2):
        on_it = pd.read_parquet(f"{result['output']}/shard-00{shard}.parquet")["customer_id"]
        assert {shard_of(customer, 2) for customer in on_it} <= {shard}


def test_shards_come_in_any_order_and_more_than_once(job: Job) -> None:
    """The first commit of a shard counts; processing it again is harmless."""
    job = steps.open_run(job)
    steps.stage(job)
    first = steps.process_shard(job, 1)
    assert steps.process_shard(job, 1) == first
    steps.process_shard(job, 0)
    assert steps.aggregate(job)["shards_processed"] == 2


def test_starting_a_run_again_resumes_it(job: Job) -> None:
    """A second start of the same run_id does only what is left."""
    first = steps.open_run(job)
    steps.stage(first)
    steps.process_shard(first, 0)
    second = steps.open_run(job)
    assert steps.stage(second)["remaining_shards"] == [1]


def test_the_digest_tells_whether_two_runs_agree(job: Job) -> None:
    """Other shards, another run, the same data: the same digest."""
    one = finish(steps.open_run(job))
    other = finish(steps.open_run(replace(job, run_id="second-run", num_shards=7)))
    assert one["digest"] == other["digest"]


def test_bad_input_is_told_before_any_shard(job: Job, tmp_path: Path) -> None:
    """The message names file, line, column and value."""
    write_sources(tmp_path / "data", billing=[row("ada", mrr="a lot")])
    with pytest.raises(TerminalError, match=r"billing\.csv line 2, column mrr: 'a lot' not a whole number"):
        steps.stage(steps.open_run(job))


def finish(job: Job) -> JsonObject:
    """Stage, process all shards and aggregate."""
    steps.stage(job)
    for shard in range(job.num_shards):
        steps.process_shard(job, shard)
    return steps.aggregate(job)
