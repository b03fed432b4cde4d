"""Runs from their first step to their last, in this process, and what they leave behind."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shared.run import steps
from shared.run.errors import TerminalError
from shared.run.job import Job
from shared.run.store import NONCE

Json = dict[str, Any]


def new_job(data: Path | str, store: Path | str, **options: Any) -> Job:
    """A job over a data folder, not yet opened; by default run_id ``r`` and three shards."""
    fields: Json = {"run_id": "r", "data_url": str(data), "store_url": str(store), "num_shards": 3}
    own: Json = {name: options.pop(name) for name in ("max_rejects", "redact") if name in options}
    return Job(**(fields | options), parameters=own)


def opened(data: Path | str, store: Path | str, **options: Any) -> Job:
    """The same, opened."""
    return steps.open_run(new_job(data, store, **options))


def staged(data: Path | str, store: Path | str, **options: Any) -> Job:
    """The same, opened and staged."""
    job = opened(data, store, **options)
    steps.stage(job)
    return job


@dataclass(frozen=True)
class Merged:
    """A finished run.

    Attributes:
        job: As it was opened.
        folder: The run's folder in its store.
        result: What the last step returned.
    """

    job: Job
    folder: Path
    result: Json

    @property
    def profiles(self) -> list[Json]:
        """All profiles, a dict each, ordered by customer, dates as ISO text."""
        rows = sorted(self.table.to_pylist(), key=lambda profile: profile["customer_id"])
        return [{name: _plain(value) for name, value in row.items()} for row in rows]

    @property
    def table(self) -> pa.Table:
        """The same as a table, shard after shard."""
        return pa.concat_tables(pq.read_table(path) for path in sorted((self.folder / "profiles").iterdir()))

    @property
    def customers_by_shard(self) -> list[list[str]]:
        """The ids of each shard's file, in its order."""
        return [pq.read_table(path)["customer_id"].to_pylist() for path in sorted(self.folder.glob("profiles/*"))]

    @property
    def parts(self) -> dict[str, bytes]:
        """The published files by name."""
        return {path.name: path.read_bytes() for path in sorted((self.folder / "profiles").iterdir())}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def merge(data: Path | str, store: Path | str, **options: Any) -> Merged:
    """Run a merge until it ends."""
    return finish(staged(data, store, **options))


def finish(job: Job) -> Merged:
    """Process all shards of a staged run and aggregate."""
    for shard in range(job.num_shards):
        steps.process_shard(job, shard)
    return Merged(job, folder_of(job), steps.aggregate(job))


def refused(data: Path | str, store: Path | str, **options: Any) -> str:
    """The message of a run that its sources end before any shard; it leaves nothing published."""
    job = new_job(data, store, **options)
    with pytest.raises(TerminalError) as caught:
        steps.stage(steps.open_run(job))
    assert published(job) == []
    return str(caught.value)


def folder_of(job: Job) -> Path:
    """A job's folder in its local store."""
    return Path(job.store_url, "runs", job.run_id)


def published(job: Job) -> list[str]:
    """What counts as published: the files under profiles/ and result.json."""
    folder = folder_of(job)
    return sorted(str(path.relative_to(folder)) for path in [*folder.glob("profiles/*"), *folder.glob("result.json")])


def read_json(path: Path) -> Any:
    """A JSON object of a store, without the store's own field."""
    value = json.loads(path.read_text())
    value.pop(NONCE, None)
    return value
