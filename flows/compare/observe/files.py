"""Compares the files of a run with a run without faults, shard by shard: bytes, digest and records."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.run.errors import TransientError
from shared.run.scratch import scratch
from shared.run.step_names import shard_step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.run.run import Run

Records = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class FileDifference:
    """How one shard's file differs from the expected one.

    Attributes:
        where: The difference in words; empty if there is none.
        missing: The number of missing records.
        duplicated: The number of duplicate records, counted after the first.
        stale: The number of records with other values, and of unexpected records.
        other_bytes: Whether the bytes differ and the records do not.
    """

    where: str = ""
    missing: int = 0
    duplicated: int = 0
    stale: int = 0
    other_bytes: bool = False


@dataclass(frozen=True)
class Shard:
    """One shard of a run.

    Attributes:
        run: The run.
        number: The number, from 0.
        published: Whether its published file counts, not only the committed part.
    """

    run: Run
    number: int
    published: bool

    @property
    def step(self) -> str:
        """The step's name."""
        return shard_step(self.number)

    def difference(self, wanted: Shard) -> FileDifference:
        """Compare it with the shard of a run without faults."""
        data, other = self._bytes(), wanted._bytes()
        claimed, promised = self._claimed_digest(), wanted._claimed_digest()
        if data is None:
            return FileDifference(f"{self.step} has no file", missing=wanted.count())
        same_bytes = sha256(data).digest() == sha256(other or b"").digest()
        if not same_bytes and not self._same_content(data, other):
            return self._by_record(data, other or b"")
        if claimed != promised:
            return FileDifference(f"{self.step} has a manifest with another digest than its file")
        return FileDifference(other_bytes=not same_bytes)

    def count(self) -> int:
        """The number of records; 1 if the pipeline has no records."""
        data = self._bytes()
        if data is None or self.run.pipeline.records is None:
            return 1
        return sum(self._counted(data).values())

    def _same_content(self, data: bytes, other: bytes | None) -> bool:
        """Whether files with different bytes have the same digest; false for unreadable files."""
        if other is None or not (self.run.pipeline.digest or self.run.pipeline.records):
            return False
        try:
            with self._file(data) as here, self._file(other) as there:
                return self.run.pipeline.digest_of(here) == self.run.pipeline.digest_of(there)
        except Exception:  # noqa: BLE001 — a pipeline's reader may raise anything over a file that is none
            return False

    def _by_record(self, data: bytes, other: bytes) -> FileDifference:
        if self.run.pipeline.records is None:
            return FileDifference(f"{self.step} differs in its bytes", stale=1)
        wanted = self._records(other)
        try:
            found, counted = self._records(data), self._counted(data)
        except Exception as error:  # noqa: BLE001 — a pipeline's reader may raise anything over a file that is none
            return FileDifference(f"{self.step} cannot be read: {type(error).__name__}", missing=len(wanted))
        duplicated = sum(counted.values()) - len(counted)
        missing = wanted.keys() - found.keys()
        stale = sorted(key for key, fields in found.items() if wanted.get(key) != fields)
        return FileDifference(self._where(found, wanted, stale, duplicated), len(missing), duplicated, len(stale))

    def _where(self, found: Records, wanted: Records, stale: list[str], duplicated: int) -> str:
        """Return the first difference without values."""
        if duplicated:
            return f"{self.step} has records more than once"
        if stale and stale[0] in wanted:
            here, there = found[stale[0]], wanted[stale[0]]
            field = min(name for name in here.keys() | there.keys() if here.get(name) != there.get(name))
            return f"{self.step} differs: {field} of {stale[0]}"
        key = min(stale + sorted(wanted.keys() - found.keys()), default="")
        return f"{self.step} differs: the record {key}" if key else f"{self.step} differs in its bytes only"

    def _records(self, data: bytes) -> Records:
        with self._file(data) as path:
            return dict(self.run.pipeline.records_in(path))

    def _counted(self, data: bytes) -> Counter[str]:
        with self._file(data) as path:
            return Counter(key for key, _ in self.run.pipeline.records_in(path))

    @contextmanager
    def _file(self, data: bytes) -> Iterator[Path]:
        with scratch() as folder:
            path = folder / f"{self.step}{self.run.pipeline.suffix}"
            path.write_bytes(data)
            yield path

    def _bytes(self) -> bytes | None:
        """Return the committed bytes; None without a file."""
        try:
            if self.published:
                return self.run.store.read(self.run.output_name(self.number))
            with self.run.open_output(self.number) as file:
                return file.read()
        except (FileNotFoundError, TransientError):
            return None

    def _claimed_digest(self) -> str | None:
        manifest = self.run.manifest(self.number)
        return manifest.digest if manifest else None


def files_of_shards(run: Run) -> list[int]:
    """Return the shards with a file in the published folder, whether or not there is a result."""
    found = set(run.store.names(run.name(run.output)))
    return [shard for shard in range(run.job.num_shards) if Path(run.output_name(shard)).name in found]


def unexpected_files(run: Run) -> str:
    """Return published files that belong to no shard, in words; empty without any."""
    wanted = {Path(run.output_name(shard)).name for shard in range(run.job.num_shards)}
    found = set(run.store.names(run.name(run.output))) - wanted
    return f"the published folder has {', '.join(sorted(found))} besides" if found else ""
