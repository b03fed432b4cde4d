"""The files of one run in its store: record, staging, committed shards and published output."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Self

from shared.run.errors import StoreUnusableError, TerminalError, TransientError, explained
from shared.run.inputs import FileInputs
from shared.run.ledger import claim_invocation
from shared.run.loading import load_pipeline
from shared.run.log import OURS, Logger
from shared.run.manifest import Manifest, Opened, StagingManifest
from shared.run.parameters import identity, parse
from shared.run.pipeline import Context, Staged
from shared.run.record import find_record, keep_record
from shared.run.step_names import shard_step, shards_named
from shared.run.store import READERS, Store, create_json, open_store, read_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path
    from typing import BinaryIO

    from shared.run.inputs import Inputs, Versions
    from shared.run.job import Job
    from shared.run.pipeline import LoadedPipeline

JsonObject = dict[str, Any]

FILE = re.compile(r"(?!\.{1,2}$)[^/\0]+")  # a file name without a folder
# Names in a run's folder.
OWN_NAMES = {"job.json", "result.json", "invocations", "ends", "attempts", "parts", "manifests", "faults"}


@dataclass(frozen=True)
class Run:
    """A job, its store, and the logger of its steps."""

    job: Job
    store: Store
    logger: Logger = OURS

    @classmethod
    def of(cls, job: Job, logger: Logger = OURS) -> Self:
        """Return the run of a job, in the job's store."""
        return cls(job, open_store(job.store_url), logger)

    @cached_property
    def pipeline(self) -> LoadedPipeline:
        """The pipeline."""
        return load_pipeline(self.job.pipeline)

    def name(self, file: str) -> str:
        """Return the name of a run's file in the store."""
        return f"runs/{self.job.run_id}/{file}"

    def url(self, file: str) -> str:
        """Return the address of a run's file."""
        return f"{self.store.url}/{self.name(file)}"

    def publishing(self, file: str) -> AbstractContextManager[Path]:
        """Provide a local file to fill; it is published in the run's folder when the block ends."""
        if not FILE.fullmatch(file) or file in {*OWN_NAMES, self.output}:
            raise TerminalError(f"{file!r} is not a valid name for a file of a run; use one like rejects.csv")
        return self.store.publishing(self.name(file))

    def context(self, attempt: int, shard_id: int | None = None) -> Context:
        """Return the context of a step; ``staged`` is empty before there is a staging."""
        return self._context(self.staged or StagingManifest(self.staging), attempt, shard_id)

    def inputs(self) -> Inputs:
        """The files that the pipeline reads."""
        if self.pipeline.inputs is None:
            return FileInputs.at(self.job.data_url)
        return self.pipeline.inputs(self._context(StagingManifest("")))

    def open(self, input_digest: str, versions: Versions) -> Job:
        """Record the run, or check this start against an earlier one; return the opened job.

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
        keep_record(self.store, self.job, fixed, self.committed)
        where = {"data_url": self.job.data_url, "engine": self.job.engine, "staging": self._staging(input_digest)}
        started = asdict(Opened(versions, input_digest)) | where
        return self.job.opened(claim_invocation(self.store, self.name("invocations"), started))

    @cached_property
    def invocation(self) -> Opened:
        """Return what this start of the run was opened with."""
        name = self.name(f"invocations/{self.job.invocation}.json")
        try:
            return Opened.from_json(name, read_json(self.store, name))
        except FileNotFoundError as error:
            raise self._unknown() from error

    @cached_property
    def record(self) -> JsonObject:
        """Return what ``open`` wrote; a TerminalError if the store has no such run, or version 0.1 made it."""
        if (record := find_record(self.store, self.job.run_id)) is None:
            raise self._unknown()
        return record

    @cached_property
    def staging(self) -> str:
        """The staging's folder in the store, which depends on inputs, pipeline, parameters and number of shards."""
        return self._staging(self.invocation.input_digest if self.job.invocation else self.record["input_digest"])

    @property
    def staged(self) -> StagingManifest | None:
        """Return the staging's manifest; None before there is one, and if the pipeline has no ``stage``."""
        if self.pipeline.stage is None:
            return None
        if "_staged" not in self.__dict__:
            name = self._staging_name
            try:
                self.__dict__["_staged"] = StagingManifest.from_json(name, read_json(self.store, name))
            except FileNotFoundError:
                return None
        staged: StagingManifest = self.__dict__["_staged"]
        return staged

    def commit_staging(self, staged: StagingManifest) -> bool:
        """Commit a staging; return False if another one is already committed."""
        created = create_json(self.store, self._staging_name, staged.to_json())
        self.store.sync(self.staging)
        return created

    @property
    def content(self) -> str | None:
        """Return the content hash of the run's staging; None without one, or if version 0.2 staged."""
        return self.staged.content if self.staged else None

    def keep_staging(self) -> None:
        """Mark the staging as used now, for ``shardwise clean``."""
        with self.store.publishing(f"{self.staging}/last-used-by.json") as path:
            path.write_text(json.dumps({"run_id": self.job.run_id}) + "\n")

    def part_name(self, shard_id: int, attempt: int) -> str:
        """Return the name of the file that one attempt writes; the shard's manifest names the committed one."""
        suffix = self.pipeline.suffix
        return self.name(f"parts/{shard_step(shard_id)}.invocation-{self.job.invocation}.attempt-{attempt}{suffix}")

    def commit(self, manifest: Manifest) -> Manifest:
        """Commit a shard's file. The first attempt to commit wins; all attempts get its manifest."""
        if create_json(self.store, self._manifest_name(manifest.shard_id), manifest.to_json()):
            return manifest
        return self._read_manifest(manifest.shard_id)

    def manifest(self, shard_id: int) -> Manifest | None:
        """Return the manifest of a shard; None if it is not committed."""
        try:
            return self._read_manifest(shard_id)
        except FileNotFoundError:
            return None

    def manifests(self) -> list[Manifest]:
        """Return the manifests of all committed shards, by shard."""
        with ThreadPoolExecutor(READERS) as threads:
            return list(threads.map(self._read_manifest, sorted(self.committed())))

    def committed(self) -> set[int]:
        """Return the ids of the committed shards."""
        return shards_named(self.store.names(self.name("manifests")), self.job.num_shards)

    def open_output(self, shard_id: int) -> BinaryIO:
        """Open the committed file of a shard, seekable; a TransientError if the shard is not committed."""
        if (manifest := self.manifest(shard_id)) is None:
            raise TransientError(f"{shard_step(shard_id)} of run {self.job.run_id} is not committed")
        return self.store.open(manifest.part)

    @contextmanager
    def local_output(self, shard_id: int) -> Iterator[Path]:
        """Provide the committed file of a shard as a local file while the block runs."""
        from shared.run.scratch import scratch

        with scratch() as folder, self.open_output(shard_id) as file:
            path = folder / f"{shard_step(shard_id)}{self.pipeline.suffix}"
            with path.open("wb") as copy:
                while block := file.read(1 << 20):
                    copy.write(block)
            yield path

    @property
    def output(self) -> str:
        """The folder of the published files, in the run's folder."""
        return self.pipeline.output

    def output_name(self, shard_id: int) -> str:
        """Return the name of a shard's published file; one glob matches all of them."""
        return self.name(f"{self.output}/{shard_step(shard_id)}{self.pipeline.suffix}")

    def publish_output(self, manifests: list[Manifest]) -> None:
        """Publish the committed files under their published names.

        Published names are created only here, from committed manifests. A late attempt, or a parallel one with other
        library versions, writes a part that nothing reads.
        """
        self.store.publish_copies((each.part, self.output_name(each.shard_id)) for each in manifests)
        self.store.sync(*map(self.name, ("parts", "manifests", self.output)))

    def publish_result(self, result: JsonObject) -> None:
        """Write the run's result; without it, the files do not count as published."""
        with self.store.publishing(self.name("result.json")) as path:
            path.write_text(json.dumps(result, indent=1, default=str) + "\n")
        self.store.sync(self.name(""))

    def problems(self, result: JsonObject) -> list[str]:
        """Return the problems that ``verify`` finds outside the store after a run; none without ``verify``.

        Raises:
            TransientError: ``verify`` failed.
        """
        if self.pipeline.verify is None:
            return []
        try:
            return list(map(str, self.pipeline.verify(self.context(0), result)))
        except Exception as error:
            raise TransientError(
                f"verify of run {self.job.run_id} failed: {explained(error)}\n"
                "The run has finished; its output is published."
            ) from error

    def result(self) -> JsonObject | None:
        """Return the published result; None if the run has not finished."""
        try:
            return read_json(self.store, self.name("result.json"))
        except FileNotFoundError:
            return None

    def _staging(self, digest: str) -> str:
        job, pipeline = self.job, self.pipeline
        whole = json.dumps([digest, job.pipeline, identity(pipeline, job.parameters)], sort_keys=True)
        address = sha256(whole.encode()).hexdigest()[:32]
        version = pipeline.staging_version or pipeline.version
        return f"staged/{pipeline.name}-v{version}-{address}-{job.num_shards}"

    def _unknown(self) -> StoreUnusableError:
        return StoreUnusableError(f"{self.store.url} has no run {self.job.run_id}; is the store the right one?")

    def _context(self, staged: StagingManifest, attempt: int = 0, shard_id: int | None = None) -> Context:
        """Return the context of a step with some staging, or without one."""
        job, parameters = self.job, parse(self.pipeline, self.job.parameters)
        files = Staged(staged.facts, self.store, staged.folder)
        return Context(
            run_id=job.run_id,
            parameters=parameters,
            num_shards=job.num_shards,
            data_url=job.data_url,
            invocation=job.invocation,
            attempt=attempt,
            staged=files,
            logger=self.logger,
            _files=self,
            shard_id=shard_id,
        )

    @property
    def _staging_name(self) -> str:
        return f"{self.staging}/staged.json"

    def _manifest_name(self, shard_id: int) -> str:
        return self.name(f"manifests/{shard_step(shard_id)}.json")

    def _read_manifest(self, shard_id: int) -> Manifest:
        name = self._manifest_name(shard_id)
        return Manifest.from_json(name, read_json(self.store, name))
