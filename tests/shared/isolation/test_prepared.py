"""What the server that forks workers has imported."""

from __future__ import annotations

from shared.isolation.worker import Worker

WATCHED = ["duckdb", "pandas", "shared.customers.shard"]


def test_the_first_worker_finds_all_that_a_step_needs() -> None:
    """The server imports before it forks; workers import nothing of it again."""
    worker = Worker()
    error, found = worker.ask(60, eval, f"[name for name in {WATCHED} if name in __import__('sys').modules]")
    worker.stop()
    assert (error, found) == (None, WATCHED)
