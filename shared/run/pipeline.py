"""What a team writes: a pipeline, which is any job in shards. And what each step gets: its context.

A pipeline is a module or an object with the two functions of ``Pipeline``. It may also have members of
``OptionalMembers``.
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
    """The staging, as shards see it.

    Attributes:
        facts: The facts that ``stage`` returned; empty if a pipeline has no ``stage``.
    """

    facts: Json
    _store: Store = field(repr=False)
    _folder: str = field(repr=False)

    def open(self, name: str) -> BinaryIO:
        """Open a staged file, seekable; FileNotFoundError if it is missing."""
        return self._store.open(f"{self._folder}/{name}")


@dataclass(frozen=True)
class Context:
    """What a step knows about its run.

    Attributes:
        run_id: The run's id.
        parameters: An instance of the pipeline's ``parameters``; None if it declares none.
        num_shards: The number of shards, from 1 to 10,000.
        data_url: The data folder, an absolute path or an fsspec URL; empty if none is named.
        invocation: The start of the run, from 1.
        attempt: The attempt at the step in this invocation, from 1.
        shard_id: The shard, from 0; None in other steps.
        staged: The staging; empty in ``stage`` itself.
        logger: Its lines appear in the engine's log of the run: in Prefect's UI, in Render's log, and with `--verbose`.
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
        """Return this shard's part of a list, such as of files. Each item is in the part of exactly one shard.

        Args:
            items: The same items in every shard, in any order; they are sorted.
            key: The sort key for items that cannot be compared; it must differ between items.

        Raises:
            TerminalError: The step is not ``process_shard``, or the items cannot be compared.
        """
        if self.shard_id is None:
            raise TerminalError("context.mine works only in process_shard, which has a shard")
        try:
            return sorted(items, key=key)[self.shard_id :: self.num_shards]  # type: ignore[arg-type, type-var]
        except TypeError as error:
            raise TerminalError(f"context.mine sorts its items: {error}; give texts, or a key to sort by") from error

    def publishing(self, name: str) -> AbstractContextManager[Path]:
        """Provide a local file to publish next to the output, such as ``rejects.csv``, when the block ends."""
        return self._files.publishing(name)

    def url(self, name: str) -> str:
        """Return the address of such a file."""
        return self._files.url(name)

    def open_output(self, shard_id: int) -> BinaryIO:
        """Open the committed file of a shard, seekable, in ``aggregate`` and ``verify``."""
        return self._files.open_output(shard_id)


class RunFiles(Protocol):
    """The files of a run that a pipeline may use."""

    def publishing(self, name: str) -> AbstractContextManager[Path]:
        """Publish a file next to the output, as ``Context.publishing`` does."""

    def url(self, name: str) -> str:
        """Return the address of such a file."""

    def open_output(self, shard_id: int) -> BinaryIO:
        """Open the committed file of a shard."""


@dataclass(frozen=True)
class Processed:
    """What ``process_shard`` may return instead of its facts, if it knows the digest of its file.

    Attributes:
        facts: Small facts of a fixed size, at most 16 KB as JSON.
        digest: The digest of the file.
    """

    facts: Json
    digest: Digest


class Pipeline(Protocol):
    """A job in shards."""

    def process_shard(self, context: Context, shard_id: int, path: Path) -> Json | Processed:
        """Write one file to ``path``, the shard's output, and return small facts about it.

        It can run more than once, also twice at the same time. Only one file is committed, so other effects must be
        safe to repeat. ``shard_id`` counts from 0.
        """

    def aggregate(self, context: Context, shards: list[Json]) -> Json:
        """Return the run's result from the facts of all shards, in order; raise if they do not add up.

        It must not use the keys of every result: ``run_id``, ``pipeline``, ``engine``, ``digest``, ``output``,
        ``shards_processed`` and ``shard_timings``.
        """


class OptionalMembers(Protocol):
    """Members that a pipeline may have.

    Attributes:
        name: Letters, digits and '-', shown in the store's folders, reports and the UI; by default the module's name.
        version: Raise it when the same input gives other output. It is part of a run's identity, from 1; by default 1.
        parameters: A frozen dataclass of the parameters for ``--param``, each a str, int, float or bool with a default.
        preload: Modules to import before workers are forked, such as ``("pandas",)``.
        staging_version: Raise it when ``stage`` gives other files for the same input, so that earlier stagings are not
            reused; by default ``version``, which also changes digests.
        suffix: The suffix of the shards' files, such as ``.parquet``.
        output: The folder of the published files; by default ``output``.
    """

    name: str
    version: int
    parameters: type[Any]
    preload: tuple[str, ...]
    staging_version: int
    suffix: str
    output: str

    def inputs(self, context: Context) -> Inputs:
        """Return the files that the job reads; by default every file below the data folder."""

    def stage(self, context: Context, folder: Path) -> Json:
        """Fill a folder for the shards, once per input and parameters; return facts for them."""

    def accept(self, context: Context) -> Json:
        """Check the staging on every start: raise a TerminalError to refuse it, or return facts."""

    def verify(self, context: Context, result: Json) -> list[str]:
        """Return problems outside the store, such as duplicate rows in a database; empty without problems.

        ``result`` is empty if a comparison checks a failed run.
        """

    def digest(self, path: Path) -> Digest:
        """Return the digest of a shard's file, without values that may differ between equal files."""

    def records(self, path: Path) -> Iterator[tuple[str, Json]]:
        """Yield key and fields of each record in a shard's file; the default digest uses them."""

    def generate(self, folder: Path, records: int, seed: int) -> None:
        """Generate data of any size, the same for the same seed; ``folder`` exists and is empty."""

    def summary(self, result: Json) -> dict[str, str]:
        """Return labels and texts for the terminal and the UI, in order."""


def setting(default: Any, variable: str | None = None) -> Any:  # noqa: ANN401 — as dataclasses.field
    """Declare a parameter that does not affect the data, so a run can be resumed with another value.

    Args:
        default: The value if none is given.
        variable: The environment variable that gives a value where the job is made.
    """
    return field(default=default, metadata={"setting": True, "variable": variable})


@dataclass(frozen=True)
class LoadedPipeline:
    """A loaded pipeline: its members, with defaults or None for missing ones."""

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
        """Yield key and fields of each record in a shard's file; none if the pipeline has no records."""
        return self.records(path) if self.records else iter(())

    def digest_of(self, path: Path) -> Digest:
        """Return the digest of a shard's file: the pipeline's own, else over its records, else over its bytes."""
        if self.digest:
            return self.digest(path)
        return Digest.of_records(self.records(path)) if self.records else Digest.of_file(path)
