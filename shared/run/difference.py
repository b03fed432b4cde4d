"""Finds the shards, records and fields in which two runs differ."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from shared.run.step_names import shard_step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.run.pipeline import Json
    from shared.run.run import Run

ABSENT, PRESENT = "no record", "a record"


@dataclass(frozen=True)
class Difference:
    """One field of one record in which two runs differ.

    Attributes:
        key: The record's key; the shard's step if the pipeline has no records.
        field: The field's name; ``record`` if only one side has this key, ``file`` if the pipeline has no records.
        left: The value of the first run.
        right: The value of the second run.
    """

    key: str
    field: str
    left: Any
    right: Any


def differing_shards(left: Run, right: Run) -> list[int]:
    """Return the shards with different digests, ascending. Both runs have the same number of shards, all committed."""
    return [shard for shard in range(left.job.num_shards) if _digest(left, shard) != _digest(right, shard)]


def first_differences(left: Run, right: Run, limit: int) -> list[Difference]:
    """Return the first differences, ordered by shard, key and field."""
    found = (found for shard in differing_shards(left, right) for found in differences_in(left, right, shard))
    return list(islice(found, limit))


def differences_in(left: Run, right: Run, shard: int) -> Iterator[Difference]:
    """Return the differences of one shard, ordered by key and field. Keys are unique on each side."""
    if left.pipeline.records is None:
        yield Difference(shard_step(shard), "file", _digest(left, shard), _digest(right, shard))
        return
    here, there = dict(records_of(left, shard)), dict(records_of(right, shard))
    for key in sorted(here.keys() | there.keys()):
        if key not in here or key not in there:
            sides = (PRESENT if key in side else ABSENT for side in (here, there))
            yield Difference(key, "record", *sides)
            continue
        one, other = here[key], there[key]
        for field in one.keys() | other.keys() if one != other else ():
            if one.get(field) != other.get(field):
                yield Difference(key, field, one.get(field), other.get(field))


def records_of(run: Run, shard: int) -> list[tuple[str, Json]]:
    """Return key and fields of each record in the committed file of a shard, in file order."""
    with run.local_output(shard) as path:
        return list(run.pipeline.records_in(path))


def _digest(run: Run, shard: int) -> str | None:
    manifest = run.manifest(shard)
    return manifest.digest if manifest else None
