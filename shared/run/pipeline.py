"""What a team writes: a pipeline, any sharded job that the protocol of a run can carry; and what each step is given.

The object has the members of ``Pipeline``. Those of ``OptionalMembers`` are found by their presence. Functions may be
methods of the object or plain functions of a module: a module is an object too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path
    from typing import BinaryIO

    from shared.run.digest import Digest
    from shared.run.inputs import Inputs
    from shared.run.store import Store

Json = dict[str, Any]


@dataclass(frozen=True)
class Staged:
    """What ``stage`` left for the shards.

    Attributes:
        facts: What it returned; empty where a pipeline has no ``stage``.
    """

    facts: Json
    _store: Store = field(repr=False)
    _folder: str = field(repr=False)

    def open(self, name: str) -> BinaryIO:
        """One of its files, seekable; FileNotFoundError when there is none."""
        return self._store.open(f"{self._folder}/{name}")


@dataclass(frozen=True)
class Context:
    """What a step knows of its run.

    Attributes:
        run_id: Names the run.
        parameters: An instance of the pipeline's ``parameters``; None where it declares none.
        num_shards: From 1 to 1,000.
        data_url: The folder of the data, an absolute path or an fsspec URL; empty when nobody named one.
        invocation: Which start of the run this is, from 1.
        attempt: Which attempt at the step in this invocation this is, from 1.
        staged: What ``stage`` left; without facts and files while staging itself.
        logger: Goes to the engine's log.
    """

    run_id: str
    parameters: Any
    num_shards: int
    data_url: str
    invocation: int
    attempt: int
    staged: Staged
    logger: logging.Logger
    _files: RunFiles = field(repr=False)

    def publishing(self, name: str) -> AbstractContextManager[Path]:
        """A local file to fill beside the output, such as ``rejects.csv``; it appears when the block ends."""
        return self._files.publishing(name)

    def url(self, name: str) -> str:
        """Where a person finds such a file."""
        return self._files.url(name)

    def open_output(self, shard_id: int) -> BinaryIO:
        """The committed file of a shard, seekable, for ``aggregate`` and ``verify``."""
        return self._files.open_output(shard_id)


class RunFiles(Protocol):
    """The files of a run, as far as a pipeline may touch them."""

    def publishing(self, name: str) -> AbstractContextManager[Path]:
        """See ``Context.publishing``."""

    def url(self, name: str) -> str:
        """See ``Context.url``."""

    def open_output(self, shard_id: int) -> BinaryIO:
        """See ``Context.open_output``."""


@dataclass(frozen=True)
class Processed:
    """What ``process_shard`` may return in place of its facts, where it knows the digest of what it wrote.

    Attributes:
        facts: Small, the same size whatever the data: at most 16 KB as JSON.
        digest: Of the file that was written.
    """

    facts: Json
    digest: Digest


class Pipeline(Protocol):
    """A sharded job."""

    @property
    def name(self) -> str:
        """Letters, digits and '-': in the store's folders, reports and the UI."""

    @property
    def version(self) -> int:
        """Raised when the same input gives other output; part of a run's identity, from 1."""

    def process_shard(self, context: Context, shard_id: int, path: Path) -> Json | Processed:
        """Write one file at ``path``, the shard's output, and return small facts about it.

        It may run more than once, also twice at the same time: only one file counts, but what it does outside of
        ``path`` it may do again. ``shard_id`` counts from 0.
        """

    def aggregate(self, context: Context, shards: list[Json]) -> Json:
        """The run's result from the facts of all shards, in their order; raise where they do not add up.

        Its keys are the pipeline's own: every result has ``run_id``, ``pipeline``, ``engine``, ``digest``, ``output``,
        ``shards_processed`` and ``shard_timings`` already.
        """


class OptionalMembers(Protocol):
    """What a pipeline may have besides.

    Attributes:
        parameters: A frozen dataclass of the job's ``--param``, each a str, int, float or bool with a default.
        preload: Modules that are imported before workers are forked, such as ``("pandas",)``; all but the first while
            the first worker, which stages, works already.
        suffix: Of the files that the shards write, such as ``.parquet``.
        output: The folder of the published files; ``output`` by default.
    """

    parameters: type[Any]
    preload: tuple[str, ...]
    suffix: str
    output: str

    def inputs(self, context: Context) -> Inputs:
        """The files the job reads; by default every file in the data folder and below it."""

    def stage(self, context: Context, folder: Path) -> Json:
        """Fill a folder for the shards, once per input and parameters; return facts for them."""

    def accept(self, context: Context) -> Json:
        """Refuse what was staged (raise a TerminalError), or return facts of it; on every start, also a resumed one."""

    def verify(self, context: Context, result: Json) -> list[str]:
        """Problems outside the store, such as rows that are twice in a database; empty when all is well."""

    def digest(self, path: Path) -> Digest:
        """The content of a shard's file, free of what may differ between equal files."""

    def records(self, path: Path) -> Iterator[tuple[str, Json]]:
        """Key and fields of each record in a shard's file; the default digest is made of them."""

    def generate(self, folder: Path, records: int, seed: int) -> None:
        """Data of any size, the same for the same seed; ``folder`` exists and is empty."""

    def summary(self, result: Json) -> dict[str, str]:
        """Labels and texts for the terminal and the UI, in their order."""


def setting(default: Any, variable: str | None = None) -> Any:  # noqa: ANN401 — as dataclasses.field
    """A parameter that changes what a run accepts or says, never its data: a run may be resumed with another value.

    Args:
        default: When nobody gives one.
        variable: The environment variable that gives one where the job is made.
    """
    return field(default=default, metadata={"setting": True, "variable": variable})


def has(pipeline: Pipeline, member: str) -> bool:
    """Whether a pipeline has a member of ``OptionalMembers``."""
    return getattr(pipeline, member, None) is not None
