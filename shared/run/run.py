"""One run's files in its store: what it is about, its staging, its committed shards, its published output."""

from __future__ import annotations

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Self

from shared.run.errors import TerminalError, TransientError
from shared.run.inputs import FileInputs
from shared.run.job import Job
from shared.run.ledger import claim_invocation, shard_step
from shared.run.loading import load_pipeline
from shared.run.parameters import identity, parse
from shared.run.pipeline import Context, Staged, has
from shared.run.store import READERS, Store, create_json, open_store, read_all_json, read_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path
    from typing import BinaryIO

    from shared.run.inputs import Inputs, Versions
    from shared.run.pipeline import Pipeline

JsonObject = dict[str, Any]

logger = logging.getLogger("shardwise")


@dataclass(frozen=True)
class Run:
    """A job and the store it runs in."""

    job: Job
    store: Store

    @classmethod
    def of(cls, job: JsonObject) -> Self:
        """The run of a job that came as JSON; a TerminalError when it is none."""
        made = Job.from_json(job)
        return cls(made, open_store(made.store_url))

    @cached_property
    def pipeline(self) -> Pipeline:
        """What runs."""
        return load_pipeline(self.job.pipeline)

    def name(self, file: str) -> str:
        """A file of the run in the store."""
        return f"runs/{self.job.run_id}/{file}"

    def url(self, file: str) -> str:
        """Where a person finds a file of the run."""
        return f"{self.store.url}/{self.name(file)}"

    def publishing(self, file: str) -> AbstractContextManager[Path]:
        """A local file to fill; it appears in the run's folder when the block ends."""
        if "/" in file or file in {"job.json", "result.json"}:
            raise TerminalError(f"{file} is no name for a file of a run; take one like rejects.csv")
        return self.store.publishing(self.name(file))

    def context(self, attempt: int) -> Context:
        """What a step is given; ``staged`` is empty until there is a staging."""
        parameters = parse(self.pipeline, self.job.parameters)
        job = self.job
        staged = self.staged or {"facts": {}, "folder": self.staging}
        files = Staged(staged["facts"], self.store, staged["folder"])
        return Context(
            job.run_id, parameters, job.num_shards, job.data_url, job.invocation, attempt, files, logger, self
        )

    def inputs(self) -> Inputs:
        """The files that the pipeline reads."""
        if not has(self.pipeline, "inputs"):
            return FileInputs.at(self.job.data_url)
        found: Inputs = self.pipeline.inputs(self._bare_context())  # type: ignore[attr-defined]
        return found

    def open(self, input_digest: str, versions: Versions) -> JsonObject:
        """Write down what the run is about, or hold this start to what an earlier one wrote; return the opened job.

        Raises:
            TerminalError: The run was started before with other data or another number of shards.
        """
        fixed = {
            "pipeline": self.pipeline.name,
            "reference": self.job.pipeline,
            "version": self.pipeline.version,
            "num_shards": self.job.num_shards,
            "parameters": identity(self.pipeline, self.job.parameters),
            "input_digest": input_digest,
        }
        record = {**fixed, "job": self.job.to_json()}
        if not create_json(self.store, self.name("job.json"), record) and self._held_to(fixed) != fixed:
            self._replace_record(record)
        started = {
            "versions": versions,
            "input_digest": input_digest,
            "data_url": self.job.data_url,
            "staging": self._staging(input_digest),
        }
        invocation = claim_invocation(self.store, self.name("invocations"), started)
        return self.job.opened(invocation).to_json()

    @cached_property
    def invocation(self) -> JsonObject:
        """What this start of the run was opened with: the ``versions`` of its inputs and their ``input_digest``."""
        return self._written(f"invocations/{self.job.invocation}.json")

    @cached_property
    def record(self) -> JsonObject:
        """What ``open`` wrote; a TerminalError when the store has no such run."""
        return self._written("job.json")

    @cached_property
    def staging(self) -> str:
        """The staging's folder in the store: the same for the same inputs, pipeline, parameters and shards."""
        return self._staging((self.invocation if self.job.invocation else self.record)["input_digest"])

    @property
    def staged(self) -> JsonObject | None:
        """The staging's manifest, with its ``facts`` and the ``folder`` that counts; None as long as there is none."""
        if "_staged" not in self.__dict__:
            try:
                self.__dict__["_staged"] = read_json(self.store, f"{self.staging}/staged.json")
            except FileNotFoundError:
                return None
        staged: JsonObject = self.__dict__["_staged"]
        return staged

    def keep_staging(self) -> None:
        """Let the staging be as young as its latest use, for ``shardwise clean``."""
        with self.store.publishing(f"{self.staging}/last-used-by.json") as path:
            path.write_text(json.dumps({"run_id": self.job.run_id}) + "\n")

    def part_name(self, shard_id: int, attempt: int) -> str:
        """The file that one attempt at a shard writes; the shard's manifest names the one that counts."""
        suffix = getattr(self.pipeline, "suffix", "")
        return self.name(f"parts/{shard_step(shard_id)}.invocation-{self.job.invocation}.attempt-{attempt}{suffix}")

    def commit(self, shard_id: int, manifest: JsonObject) -> JsonObject:
        """Make a shard's written file count. The first committer wins; what it committed is returned to all."""
        create_json(self.store, self._manifest_name(shard_id), manifest)
        return read_json(self.store, self._manifest_name(shard_id))

    def manifest(self, shard_id: int) -> JsonObject | None:
        """A committed shard's manifest; None when it is not committed."""
        try:
            return read_json(self.store, self._manifest_name(shard_id))
        except FileNotFoundError:
            return None

    def check_resumable(self) -> None:
        """Refuse to resume a run whose files have another layout, with a TerminalError."""
        if "pipeline" not in self.record:
            raise TerminalError(
                f"run {self.job.run_id} was made by version 0.1 of shardwise, which this version can show when it is "
                "finished, and cannot resume; give this run another run_id"
            )

    def manifests(self) -> list[JsonObject]:
        """The manifests of all committed shards, by shard."""
        return read_all_json(self.store, map(self._manifest_name, sorted(self.committed())))

    def committed(self) -> set[int]:
        """The ids of the shards that are committed."""
        names = self.store.names(self.name("manifests"))
        return {int(name.removeprefix("shard-").removesuffix(".json")) for name in names}

    def open_output(self, shard_id: int) -> BinaryIO:
        """The committed file of a shard, seekable; a TransientError when the shard is not committed."""
        if (manifest := self.manifest(shard_id)) is None:
            raise TransientError(f"{shard_step(shard_id)} of run {self.job.run_id} is not committed")
        return self.store.open(manifest["part"])

    @contextmanager
    def local_output(self, shard_id: int) -> Iterator[Path]:
        """The committed file of a shard as a file of this machine, for the time of the block."""
        from shared.run.scratch import scratch

        with scratch() as folder, self.open_output(shard_id) as file:
            path = folder / f"{shard_step(shard_id)}{getattr(self.pipeline, 'suffix', '')}"
            with path.open("wb") as copy:
                while block := file.read(1 << 20):
                    copy.write(block)
            yield path

    @property
    def output(self) -> str:
        """The folder of the published files, in the run's."""
        output: str = getattr(self.pipeline, "output", "output")
        return output

    def output_name(self, shard_id: int) -> str:
        """A shard's published file; together they read as one dataset with one glob."""
        return self.name(f"{self.output}/{shard_step(shard_id)}{getattr(self.pipeline, 'suffix', '')}")

    def publish_output(self, manifests: list[JsonObject]) -> None:
        """Let the files that count appear under their published names.

        Only here does a published name come into being, and from a committed manifest: an attempt that is late, or that
        runs beside another with other versions of the libraries, writes a part that nobody reads.
        """
        with ThreadPoolExecutor(READERS) as threads:
            done = [
                threads.submit(self.store.publish_copy, each["part"], self.output_name(each["shard_id"]))
                for each in manifests
            ]
            for copy in done:
                copy.result()

    def publish_result(self, result: JsonObject) -> None:
        """Write the run's result; without it the files are no published output."""
        with self.store.publishing(self.name("result.json")) as path:
            path.write_text(json.dumps(result, indent=1, default=str) + "\n")

    def result(self) -> JsonObject | None:
        """The published result; None when the run has not finished."""
        try:
            return read_json(self.store, self.name("result.json"))
        except FileNotFoundError:
            return None

    def _staging(self, digest: str) -> str:
        record = self.record
        whole = json.dumps([digest, record["reference"], record["parameters"]], sort_keys=True)
        address = sha256(whole.encode()).hexdigest()[:32]
        return f"staged/{record['pipeline']}-v{record['version']}-{address}-{record['num_shards']}"

    def _written(self, file: str) -> JsonObject:
        """What ``open`` wrote; without it, the run is not of this store."""
        try:
            return read_json(self.store, self.name(file))
        except FileNotFoundError as error:
            raise TerminalError(
                f"{self.store.url} has no run {self.job.run_id}; is the store the right one?"
            ) from error

    def _bare_context(self) -> Context:
        """A context before there can be a staging."""
        job, nothing = self.job, Staged({}, self.store, "")
        parameters = parse(self.pipeline, job.parameters)
        return Context(job.run_id, parameters, job.num_shards, job.data_url, job.invocation, 0, nothing, logger, self)

    def _manifest_name(self, shard_id: int) -> str:
        return self.name(f"manifests/{shard_step(shard_id)}.json")

    def _held_to(self, fixed: JsonObject) -> JsonObject:
        """What the run was started with; another input is accepted as long as nothing of the earlier one counts."""
        self.check_resumable()
        for field, value in fixed.items():
            if (earlier := self.record[field]) == value:
                continue
            if field != "input_digest":
                raise TerminalError(
                    f"run {self.job.run_id} was started with {field} {earlier} and now has {value}; "
                    "give this run another run_id, or start it with what it had"
                )
            if self.committed():
                raise TerminalError(
                    f"the input files in {self.job.data_url} are not those that run {self.job.run_id} was started "
                    "with, and some of its shards are committed; start a run of another run_id"
                )
        return {field: self.record[field] for field in fixed}

    def _replace_record(self, record: JsonObject) -> None:
        with self.store.publishing(self.name("job.json")) as path:
            path.write_text(json.dumps(record, indent=1) + "\n")
        self.__dict__.pop("record", None)
