"""One run's files in its store: what it is about, its staging, its committed shards, its published output."""

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

FILE = re.compile(r"(?!\.{1,2}$)[^/\0]+")  # a name without a folder
# Of a run's folder.
OWN_NAMES = {"job.json", "result.json", "invocations", "ends", "attempts", "parts", "manifests", "faults"}


@dataclass(frozen=True)
class Run:
    """A job, the store it runs in, and where its steps log to."""

    job: Job
    store: Store
    logger: Logger = OURS

    @classmethod
    def of(cls, job: Job, logger: Logger = OURS) -> Self:
        """The run of a job, in the job's store."""
        return cls(job, open_store(job.store_url), logger)

    @cached_property
    def pipeline(self) -> LoadedPipeline:
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
        if not FILE.fullmatch(file) or file in {*OWN_NAMES, self.output}:
            raise TerminalError(f"{file!r} is not a name for a file of a run; take one like rejects.csv")
        return self.store.publishing(self.name(file))

    def context(self, attempt: int, shard_id: int | None = None) -> Context:
        """What a step is given; ``staged`` is empty until there is a staging."""
        return self._context(self.staged or StagingManifest(self.staging), attempt, shard_id)

    def inputs(self) -> Inputs:
        """The files that the pipeline reads."""
        if self.pipeline.inputs is None:
            return FileInputs.at(self.job.data_url)
        return self.pipeline.inputs(self._context(StagingManifest("")))

    def open(self, input_digest: str, versions: Versions) -> Job:
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
        keep_record(self.store, self.job, fixed, self.committed)
        where = {"data_url": self.job.data_url, "engine": self.job.engine, "staging": self._staging(input_digest)}
        started = asdict(Opened(versions, input_digest)) | where
        return self.job.opened(claim_invocation(self.store, self.name("invocations"), started))

    @cached_property
    def invocation(self) -> Opened:
        """What this start of the run was opened with."""
        name = self.name(f"invocations/{self.job.invocation}.json")
        try:
            return Opened.from_json(name, read_json(self.store, name))
        except FileNotFoundError as error:
            raise self._unknown() from error

    @cached_property
    def record(self) -> JsonObject:
        """What ``open`` wrote; a TerminalError when the store has no such run, or when version 0.1 made it."""
        if (record := find_record(self.store, self.job.run_id)) is None:
            raise self._unknown()
        return record

    @cached_property
    def staging(self) -> str:
        """The staging's folder in the store: the same for the same inputs, pipeline, parameters and shards."""
        return self._staging(self.invocation.input_digest if self.job.invocation else self.record["input_digest"])

    @property
    def staged(self) -> StagingManifest | None:
        """The staging's manifest; None as long as there is none, and where the pipeline has no ``stage``."""
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
        """Make a staging count; False where another counts already."""
        created = create_json(self.store, self._staging_name, staged.to_json())
        self.store.sync(self.staging)
        return created

    @property
    def content(self) -> str | None:
        """What identifies the content of the run's staging; None without one, or where version 0.2 staged."""
        return self.staged.content if self.staged else None

    def keep_staging(self) -> None:
        """Let the staging be as young as its latest use, for ``shardwise clean``."""
        with self.store.publishing(f"{self.staging}/last-used-by.json") as path:
            path.write_text(json.dumps({"run_id": self.job.run_id}) + "\n")

    def part_name(self, shard_id: int, attempt: int) -> str:
        """The file that one attempt at a shard writes; the shard's manifest names the one that counts."""
        suffix = self.pipeline.suffix
        return self.name(f"parts/{shard_step(shard_id)}.invocation-{self.job.invocation}.attempt-{attempt}{suffix}")

    def commit(self, manifest: Manifest) -> Manifest:
        """Make a shard's written file count. The first committer wins; what it committed is returned to all."""
        if create_json(self.store, self._manifest_name(manifest.shard_id), manifest.to_json()):
            return manifest
        return self._read_manifest(manifest.shard_id)

    def manifest(self, shard_id: int) -> Manifest | None:
        """A committed shard's manifest; None when it is not committed."""
        try:
            return self._read_manifest(shard_id)
        except FileNotFoundError:
            return None

    def manifests(self) -> list[Manifest]:
        """The manifests of all committed shards, by shard."""
        with ThreadPoolExecutor(READERS) as threads:
            return list(threads.map(self._read_manifest, sorted(self.committed())))

    def committed(self) -> set[int]:
        """The ids of the shards that are committed."""
        return shards_named(self.store.names(self.name("manifests")), self.job.num_shards)

    def open_output(self, shard_id: int) -> BinaryIO:
        """The committed file of a shard, seekable; a TransientError when the shard is not committed."""
        if (manifest := self.manifest(shard_id)) is None:
            raise TransientError(f"{shard_step(shard_id)} of run {self.job.run_id} is not committed")
        return self.store.open(manifest.part)

    @contextmanager
    def local_output(self, shard_id: int) -> Iterator[Path]:
        """The committed file of a shard as a file of this machine, for the time of the block."""
        from shared.run.scratch import scratch

        with scratch() as folder, self.open_output(shard_id) as file:
            path = folder / f"{shard_step(shard_id)}{self.pipeline.suffix}"
            with path.open("wb") as copy:
                while block := file.read(1 << 20):
                    copy.write(block)
            yield path

    @property
    def output(self) -> str:
        """The folder of the published files, in the run's."""
        return self.pipeline.output

    def output_name(self, shard_id: int) -> str:
        """A shard's published file; together they read as one dataset with one glob."""
        return self.name(f"{self.output}/{shard_step(shard_id)}{self.pipeline.suffix}")

    def publish_output(self, manifests: list[Manifest]) -> None:
        """Let the files that count appear under their published names.

        A file gets its published name only here, and from a committed manifest: an attempt that is late, or that
        runs beside another with other versions of the libraries, writes a part that nobody reads.
        """
        self.store.publish_copies((each.part, self.output_name(each.shard_id)) for each in manifests)
        self.store.sync(*map(self.name, ("parts", "manifests", self.output)))

    def publish_result(self, result: JsonObject) -> None:
        """Write the run's result; without it the files are not published output."""
        with self.store.publishing(self.name("result.json")) as path:
            path.write_text(json.dumps(result, indent=1, default=str) + "\n")
        self.store.sync(self.name(""))

    def problems(self, result: JsonObject) -> list[str]:
        """What the pipeline's ``verify``, where it has one, finds wrong outside the store after a run.

        Raises:
            TransientError: It failed.
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
        """The published result; None when the run has not finished."""
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
        """A context over some staging; before there can be one, over none."""
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
