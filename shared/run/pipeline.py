"""What a team writes: a pipeline, any sharded job that the protocol of a run can carry; and what each step is given.

A pipeline is a module with two functions, or an object with two methods: those of ``Pipeline``. It may have those of
``OptionalMembers`` besides, which are found by their presence.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from shared.run.digest import Digest
from shared.run.errors import TerminalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path
    from typing import BinaryIO

    from shared.run.inputs import Inputs
    from shared.run.log import Logger
    from shared.run.store import Store

Json = dict[str, Any]
T = TypeVar("T")


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
        num_shards: From 1 to 10,000.
        data_url: The folder of the data, an absolute path or an fsspec URL; empty when nobody named one.
        invocation: Which start of the run this is, from 1.
        attempt: Which attempt at the step in this invocation this is, from 1.
        shard_id: Of the shard that is processed, from 0; None in the other steps.
        staged: What ``stage`` left; without facts and files while staging itself.
        logger: What is logged here is in the engine's log of the run: Prefect's UI, Render's log, `--verbose`.
    """

    run_id: str
    parameters: Any
    num_shards: int
    data_url: str
    invocation: int
    attempt: int
    staged: Staged
    logger: Logger
    _files: RunFiles = field(repr=False)
    shard_id: int | None = None

    def mine(self, items: Iterable[T], key: Callable[[T], Any] | None = None) -> list[T]:
        """This shard's part of a list, such as of files: each item is in the part of exactly one shard.

        Args:
            items: The same ones in every shard, in any order: they are sorted first.
            key: What to sort by, where items cannot be compared; different for different items.

        Raises:
            TerminalError: No shard is processed, or the items cannot be compared.
        """
        if self.shard_id is None:
            raise TerminalError("context.mine gives a shard's part, and only process_shard has a shard")
        try:
            return sorted(items, key=key)[self.shard_id :: self.num_shards]  # type: ignore[arg-type, type-var]
        except TypeError as error:
            raise TerminalError(f"context.mine sorts its items: {error}; give texts, or a key to sort by") from error

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
        name: Letters, digits and '-', in the store's folders, reports and the UI; by default the module's name.
        version: Raised when the same input gives other output; part of a run's identity, from 1; by default 1.
        parameters: A frozen dataclass of the job's ``--param``, each a str, int, float or bool with a default.
        preload: Modules that are imported before workers are forked, such as ``("pandas",)``.
        staging_version: Raised when ``stage`` gives other files for the same input, so that no earlier ones are used
            again; by default ``version``, which is a part of digests.
        suffix: Of the files that the shards write, such as ``.parquet``.
        output: The folder of the published files; ``output`` by default.
    """

    name: str
    version: int
    parameters: type[Any]
    preload: tuple[str, ...]
    staging_version: int
    suffix: str
    output: str

    def inputs(self, context: Context) -> Inputs:
        """The files the job reads; by default every file in the data folder and below it."""

    def stage(self, context: Context, folder: Path) -> Json:
        """Fill a folder for the shards, once per input and parameters; return facts for them."""

    def accept(self, context: Context) -> Json:
        """Refuse what was staged (raise a TerminalError), or return facts of it; on every start, also a resumed one."""

    def verify(self, context: Context, result: Json) -> list[str]:
        """Problems outside the store, such as rows that are twice in a database; empty when all is well.

        ``result`` is empty where a comparison asks about a run that failed.
        """

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


@dataclass(frozen=True)
class LoadedPipeline:
    """A pipeline as it was found, once: the members that it has, defaults and None for those that it has not."""

    name: str
    version: int
    process_shard: Callable[[Context, int, Path], Json | Processed]
    aggregate: Callable[[Context, list[Json]], Json]
    parameters: type[Any] | None = None
    preload: tuple[str, ...] = ()
    staging_version: int | None = None
    suffix: str = ""
    output: str = "output"
    inputs: Callable[[Context], Inputs] | None = None
    stage: Callable[[Context, Path], Json] | None = None
    accept: Callable[[Context], Json] | None = None
    verify: Callable[[Context, Json], list[str]] | None = None
    digest: Callable[[Path], Digest] | None = None
    records: Callable[[Path], Iterator[tuple[str, Json]]] | None = None
    generate: Callable[[Path, int, int], None] | None = None
    summary: Callable[[Json], dict[str, str]] | None = None

    def records_in(self, path: Path) -> Iterator[tuple[str, Json]]:
        """Key and fields of each record in a shard's file; none where the pipeline tells none."""
        return self.records(path) if self.records else iter(())

    def digest_of(self, path: Path) -> Digest:
        """The digest of a shard's file: the pipeline's own, else over its records, else over its bytes."""
        if self.digest:
            return self.digest(path)
        return Digest.of_records(self.records(path)) if self.records else Digest.of_file(path)
