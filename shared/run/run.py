"""One run's files in its store: what it is about, its staging, its committed shards."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from shared.customers.schema import SCHEMA_VERSION
from shared.run.errors import TerminalError, TransientError
from shared.run.job import MergeJob
from shared.run.ledger import claim_invocation, shard_step
from shared.run.store import Store, create_json, open_store, read_all_json, read_json

JsonObject = dict[str, Any]
Versions = dict[str, list[str]]


@dataclass(frozen=True)
class Run:
    """A job and the store it runs in."""

    job: MergeJob
    store: Store

    @classmethod
    def of(cls, job: JsonObject) -> Self:
        """The run of a job that came as JSON; a TerminalError when it is none."""
        merge_job = MergeJob.from_json(job)
        return cls(merge_job, open_store(merge_job.store_url))

    def name(self, file: str) -> str:
        """A file of the run in the store."""
        return f"runs/{self.job.run_id}/{file}"

    def url(self, file: str) -> str:
        """Where a person finds a file of the run."""
        return f"{self.store.url}/{self.name(file)}"

    def open(self, input_digest: str, versions: Versions) -> JsonObject:
        """Write down what the run is about, or hold this start to what an earlier one wrote; return the opened job.

        Raises:
            TerminalError: The run was started before with other data or another number of shards.
        """
        fixed = {"input_digest": input_digest, "num_shards": self.job.num_shards, "contract_version": SCHEMA_VERSION}
        if not create_json(self.store, self.name("job.json"), {**fixed, "job": self.job.to_json()}):
            self._hold_to(fixed)
        invocation = claim_invocation(self.store, self.name("invocations"), {"versions": versions})
        return self.job.opened(invocation).to_json()

    def versions(self) -> Versions:
        """The sources' versions when this invocation was opened."""
        versions: Versions = read_json(self.store, self.name(f"invocations/{self.job.invocation}.json"))["versions"]
        return versions

    @cached_property
    def record(self) -> JsonObject:
        """What ``open`` wrote; a TerminalError when the store has no such run."""
        try:
            return read_json(self.store, self.name("job.json"))
        except FileNotFoundError as error:
            raise TerminalError(
                f"{self.store.url} has no run {self.job.run_id}; is the store the right one?"
            ) from error

    @cached_property
    def staging(self) -> str:
        """The staging's folder in the store: the same for the same sources, contract and number of shards."""
        record = self.record
        return f"staged/{record['input_digest'][:32]}-v{record['contract_version']}-{record['num_shards']}"

    @cached_property
    def staged(self) -> JsonObject:
        """The staging's manifest; a TransientError when there is none yet."""
        try:
            return read_json(self.store, f"{self.staging}/staged.json")
        except FileNotFoundError as error:
            raise TransientError(
                f"{self.store.url} has no staging for run {self.job.run_id}; stage_sources comes first"
            ) from error

    def profiles_name(self, shard_id: int) -> str:
        """A shard's profiles; together they read as one dataset with one glob."""
        return self.name(f"profiles/{shard_step(shard_id)}.parquet")

    def commit(self, shard_id: int, result: JsonObject) -> JsonObject:
        """Make a shard's written profiles count. The first committer wins; what it committed is returned to all."""
        create_json(self.store, self._manifest_name(shard_id), result)
        return read_json(self.store, self._manifest_name(shard_id))

    def manifest(self, shard_id: int) -> JsonObject | None:
        """A committed shard's result; None when it is not committed."""
        try:
            return read_json(self.store, self._manifest_name(shard_id))
        except FileNotFoundError:
            return None

    def manifests(self) -> list[JsonObject]:
        """The results of all committed shards, by shard."""
        return read_all_json(self.store, map(self._manifest_name, sorted(self.committed())))

    def committed(self) -> set[int]:
        """The ids of the shards that are committed."""
        names = self.store.names(self.name("manifests"))
        return {int(name.removeprefix("shard-").removesuffix(".json")) for name in names}

    def publish_result(self, result: JsonObject) -> None:
        """Write the run's result; without it the profiles are no published output."""
        with self.store.publishing(self.name("result.json")) as path:
            path.write_text(json.dumps(result, indent=1, default=str) + "\n")

    def result(self) -> JsonObject | None:
        """The published result; None when the run has not finished."""
        try:
            return read_json(self.store, self.name("result.json"))
        except FileNotFoundError:
            return None

    def _manifest_name(self, shard_id: int) -> str:
        return self.name(f"manifests/{shard_step(shard_id)}.json")

    def _hold_to(self, fixed: JsonObject) -> None:
        for field, value in fixed.items():
            if (earlier := self.record[field]) != value:
                raise TerminalError(
                    f"run {self.job.run_id} was started with {field} {earlier} and now has {value}; "
                    "give this run another run_id, or start it with what it had"
                )
