"""What the policy promises, one body per behaviour, on every engine; known gaps fail here with their reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flows.engine.verdicts import RECOVERED, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from flows.compare.observe.cells import Cell

SHARD = "shard-002"


def test_undisturbed_runs_publish_the_same_bytes(run: Callable[[str], Cell]) -> None:
    """Every engine publishes what a run without an orchestrator does, with one attempt at each step."""
    cell = run("nothing_breaks")
    assert (cell.verdict, cell.output.wrong, cell.findings) == (Verdict.UNAFFECTED, False, [])
    shards = [f"shard-{shard:03d}" for shard in range(10)]
    assert cell.history.attempts == {1: dict.fromkeys(["stage", *shards, "aggregate"], 1)}


def test_transient_errors_are_retried_after_the_declared_waits(run: Callable[[str], Cell]) -> None:
    """Two failed attempts, two waits not shorter than declared, and an engine that reports the same attempts."""
    cell = run("raise_twice")
    assert cell.verdict in RECOVERED
    assert cell.attempts == 3
    assert [(wait.step, wait.retry) for wait in cell.history.waits] == [(SHARD, 1), (SHARD, 2)]
    assert all(wait.observed_seconds > wait.declared_seconds - 0.02 for wait in cell.history.waits)
    assert cell.findings == []


def test_a_terminal_error_is_not_tried_again(run: Callable[[str], Cell]) -> None:
    """The run fails, names the shard and keeps the nine others, after one attempt."""
    cell = run("raise_terminal")
    assert "shard 2: TerminalError: planned fault" in cell.starts[-1].error
    assert (cell.output.finished, cell.output.committed, cell.output.wrong) == (False, 9, False)
    assert cell.attempts == 1


def test_the_shard_of_a_killed_worker_is_retried(run: Callable[[str], Cell]) -> None:
    """A kill -9 costs one attempt, which could not record its end, and no record."""
    cell = run("kill_worker_once")
    assert cell.verdict in RECOVERED
    assert (cell.attempts, cell.history.deaths) == (2, 1)
    assert not cell.output.wrong


def test_a_hanging_shard_is_stopped_and_retried(run: Callable[[str], Cell], engine: str) -> None:
    """An attempt that never returns is killed after its timeout, and the next one does the work."""
    if engine in {"prefect", "prefect-deployed"}:
        pytest.skip("a thread that blocks is never stopped, and the cell would take its whole deadline")
    cell = run("hang_once")
    assert cell.verdict in RECOVERED
    assert cell.attempts == 2
    assert cell.history.deaths == (0 if engine == "prefect-processpool" else 1)  # Prefect's timeout is an exception


def test_duplicate_attempts_count_once(run: Callable[[str], Cell]) -> None:
    """Two attempts at one shard at the same time leave the bytes of one, and the overlap is evidence."""
    cell = run("duplicate_attempt")
    assert [(a.name, b.name) for a, b in cell.history.overlaps] == [(f"{SHARD} #1", f"{SHARD} #2")]
    assert (cell.verdict, cell.output.wrong) == (Verdict.OURS, False)


def test_a_run_again_does_only_what_is_missing(run: Callable[[str], Cell]) -> None:
    """After a kill -9 of the orchestrator the same run_id completes, and no committed shard is processed again."""
    cell = run("kill_orchestrator_then_run_again")
    assert [start.completed for start in cell.starts] == [False, True]
    assert cell.starts[0].interrupted
    assert (cell.history.reprocessed, cell.output.wrong) == ([], False)
    assert 0 < len(cell.history.attempts[2]) < 1 + 10 + 1  # the staging, not all shards, the aggregation
