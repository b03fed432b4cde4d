"""What the policy promises, one body per behaviour, on the columns in which our code implements or observes it.

What Prefect and Render do by themselves is in the committed record, which a comparison observes again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flows.engine.verdicts import RECOVERED, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from flows.compare.record.observed import Cell

pytestmark = pytest.mark.servers

SHARD = "shard-002"
OURS = ("local", "prefect-isolated", "render")  # our loop, our isolation, our server


@pytest.mark.on(*OURS, "prefect-deployed")
def test_undisturbed_runs_publish_the_same_bytes(run: Callable[[str], Cell]) -> None:
    """Every engine publishes what a run without an orchestrator does, with one attempt at each step."""
    cell = run("nothing_breaks")
    assert (cell.judgement.verdict, cell.store.wrong, cell.judgement.findings) == (Verdict.UNAFFECTED, False, ())
    steps = ["stage", *(f"shard-{shard:03d}" for shard in range(10)), "aggregate"]
    assert sorted(attempt.name for attempt in cell.attempts) == sorted(f"{step} #1" for step in steps)


@pytest.mark.on(*OURS)
def test_transient_errors_are_retried_after_the_declared_waits(run: Callable[[str], Cell]) -> None:
    """Two failed attempts, two waits not shorter than declared, and an engine that reports the same attempts."""
    cell = run("raise_twice")
    judgement = cell.judgement
    assert judgement.verdict in RECOVERED
    assert judgement.attempts == 3
    assert [(wait.step, wait.retry) for wait in judgement.waits] == [(SHARD, 1), (SHARD, 2)]
    assert all(wait.observed_seconds > wait.declared_seconds - 0.02 for wait in judgement.waits)
    assert judgement.findings == ()


@pytest.mark.on(*OURS)
def test_a_terminal_error_is_not_tried_again(run: Callable[[str], Cell]) -> None:
    """The run fails, names the shard and keeps the nine others, after one attempt."""
    cell = run("raise_terminal")
    assert "shard 2: TerminalError: planned fault" in cell.starts[-1].error
    assert (cell.store.finished, cell.store.committed, cell.store.wrong) == (False, 9, False)
    assert cell.judgement.attempts == 1


@pytest.mark.on(*OURS, "prefect-dask", "prefect-per-shard")
def test_the_shard_of_a_killed_worker_is_retried(run: Callable[[str], Cell]) -> None:
    """A kill -9 costs one attempt, which could not record its end, and no record."""
    cell = run("kill_worker_once")
    assert cell.judgement.verdict in RECOVERED
    assert (cell.judgement.attempts, cell.judgement.deaths) == (2, 1)
    assert not cell.store.wrong


@pytest.mark.on(*OURS)
def test_a_hanging_shard_is_stopped_and_retried(run: Callable[[str], Cell]) -> None:
    """An attempt that never returns is killed after its timeout, and the next one does the work."""
    cell = run("hang_once")
    assert cell.judgement.verdict in RECOVERED
    assert (cell.judgement.attempts, cell.judgement.deaths) == (2, 1)


@pytest.mark.on("local", "render")
def test_duplicate_attempts_count_once(run: Callable[[str], Cell]) -> None:
    """Two attempts at one shard at the same time leave the bytes of one, and the overlap is evidence."""
    cell = run("duplicate_attempt")
    assert cell.judgement.overlaps == (f"{SHARD} #1 and {SHARD} #2",)
    assert (cell.judgement.verdict, cell.store.wrong) == (Verdict.OURS, False)


@pytest.mark.on(*OURS, "prefect-deployed")
def test_a_run_again_does_only_what_is_missing(run: Callable[[str], Cell]) -> None:
    """After a kill -9 of the orchestrator the same run_id completes, and no committed shard is processed again."""
    cell = run("kill_orchestrator_then_run_again")
    assert [start.completed for start in cell.starts] == [False, True]
    assert cell.starts[0].interrupted
    assert (cell.judgement.reprocessed, cell.store.wrong) == ((), False)
    again = {attempt.step for attempt in cell.attempts if attempt.invocation == 2}
    assert 0 < len(again) < 1 + 10 + 1  # the staging, not all shards, the aggregation
