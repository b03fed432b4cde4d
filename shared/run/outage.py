"""Decides when a run stops because of its store, so that the remaining shards are not tried in vain."""

from __future__ import annotations

from shared.run.errors import StoreError, StoreUnusableError

LIMIT = 3  # shards in a row, each after all its retries; a short outage may affect one or two parallel shards


class Outage:
    """Counts the shards in a row that failed because of the store."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._failures: list[BaseException] = []

    def ended(self, error: BaseException | None) -> bool:
        """Note how a shard ended, in the order of the ends; return whether the run must stop."""
        if not self.is_on:
            self._failures = [*self._failures, error] if isinstance(error, StoreError | StoreUnusableError) else []
        return self.is_on

    @property
    def is_on(self) -> bool:
        """Whether the run must stop."""
        return len(self._failures) >= LIMIT

    def error(self) -> StoreError:
        """The error that ends the run."""
        return StoreError(
            f"the run was stopped, because {LIMIT} shards in a row failed for the same reason: {self._failures[-1]}\n"
            f"Committed shards stay; run again with run_id {self._run_id} when the store works."
        )
