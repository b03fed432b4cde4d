"""Read this third: a run that failed is started again under its name, and does only what is left."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shared.run import steps
from shared.run.errors import TerminalError, TransientError
from tests.data import row, write_sources

if TYPE_CHECKING:
    from shared.run.job import Job


def test_a_run_that_lacks_a_shard_publishes_nothing(job: Job) -> None:
    """Aggregation names the shard that is missing."""
    half_done(job)
    with pytest.raises(TransientError, match=r"shards \[1\] are not committed; run the same run_id again"):
        steps.aggregate(steps.open_run(job))
    assert not list(Path(job.store_url).glob("runs/*/profiles"))


def test_the_next_start_does_the_rest(job: Job) -> None:
    """It is invocation 2, reuses the staging, and the shard that is committed keeps its first commit."""
    half_done(job)
    again = steps.open_run(job)
    staged = steps.stage(again)
    assert (again.invocation, staged["staged"], staged["remaining_shards"]) == (2, "reused", [1])
    steps.process_shard(again, 1)
    assert steps.process_shard(again, 0)["invocation"] == 1
    assert steps.aggregate(again)["profiles_generated"] == 3


def test_a_resumed_run_has_the_same_number_of_shards(job: Job) -> None:
    """What decides over the data is part of the run; another value needs another run_id."""
    half_done(job)
    with pytest.raises(
        TerminalError, match="was started with num_shards 2 and now has 3; give this run another run_id"
    ):
        steps.open_run(replace(job, num_shards=3))


def test_corrected_files_are_taken_until_something_is_committed(job: Job) -> None:
    """Before the first commit a run may change its input; after it, shards of two inputs would be mixed."""
    steps.stage(steps.open_run(job))
    write_sources(Path(job.data_url), crm=[row("ada"), row("zoe")])
    half_done(job)
    write_sources(Path(job.data_url), crm=[row("ada")])
    with pytest.raises(TerminalError, match="are not those that run first-run was started with"):
        steps.open_run(job)


def half_done(job: Job) -> None:
    """Start the run and commit shard 0 alone."""
    opened = steps.open_run(job)
    steps.stage(opened)
    steps.process_shard(opened, 0)
