"""The customer merge as a pipeline: four CSVs, one enriched profile per customer."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from shared.customers.schema import KEY, SCHEMA_VERSION, STAGING_VERSION
from shared.run.errors import TerminalError
from shared.run.pipeline import Processed, setting
from shared.run.urls import is_local

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.customers.source_files import SourceFiles
    from shared.run.pipeline import Context, Json

MAX_REJECTS = re.compile(r"\d{1,18}|\d{1,3}(\.\d{1,18})?%")


@dataclass(frozen=True)
class Parameters:
    """The parameters of the merge.

    Attributes:
        max_rejects: Rows that may be rejected before the run fails: a count (``"0"``) or a share of all (``"0.5%"``).
        redact: Hide cell values in messages, and the sample profile in results.
    """

    max_rejects: str = setting("0", "SHARDWISE_MAX_REJECTS")
    redact: bool = setting(default=False, variable="SHARDWISE_REDACT")

    def __post_init__(self) -> None:
        """Refuse an invalid limit with a TerminalError."""
        if not MAX_REJECTS.fullmatch(self.max_rejects):
            raise TerminalError(
                f"max_rejects is {self.max_rejects!r:.80}; it must be a count like '10' or a share like '0.5%'"
            )


class CustomerMerge:
    """The pipeline; ``shared.run.pipeline`` describes each member."""

    name = "customers"
    version = SCHEMA_VERSION
    staging_version = STAGING_VERSION
    parameters = Parameters
    preload = ("shared.customers.libraries",)
    suffix = ".parquet"
    output = "profiles"

    def inputs(self, context: Context) -> SourceFiles:
        """The four CSV files."""
        from shared.customers.source_files import SourceFiles

        return SourceFiles.at(context.data_url)

    def stage(self, context: Context, folder: Path) -> Json:
        """Write one staged file per source, in which each shard has its own rows, and the rejects."""
        from shared.customers.reject_limit import check_limit
        from shared.customers.stage import stage

        far_away, limit = not is_local(context.url("")), context.parameters.max_rejects
        facts = stage(self.inputs(context), folder, context.num_shards, limit, compressed=far_away)
        if not facts["complete"]:  # it stopped early; other runs must not reuse it
            with context.publishing("rejects.csv") as path:
                shutil.copyfile(folder / "rejects.csv", path)
            check_limit(limit, facts, context.url("rejects.csv"), redact=context.parameters.redact)
        return facts

    def accept(self, context: Context) -> Json:
        """Copy the rejects into the run, and fail if there are more than it allows."""
        from shared.customers.reject_limit import check_limit

        with (
            context.publishing("rejects.csv") as path,
            context.staged.open("rejects.csv") as rejects,
            path.open("wb") as file,
        ):
            shutil.copyfileobj(rejects, file)
        given, facts = context.parameters, context.staged.facts
        check_limit(given.max_rejects, facts, context.url("rejects.csv"), redact=given.redact)
        rows = {name: source["rows"] for name, source in facts["sources"].items()}
        return {"rows": rows, "rejects": facts["rejects"]}

    def process_shard(self, context: Context, shard_id: int, path: Path) -> Processed:
        """Extract, merge, score and write the profiles of one shard."""
        from shared.customers.shard import merge_shard

        return merge_shard(context.staged, shard_id, path)

    def aggregate(self, context: Context, shards: list[Json]) -> Json:
        """Add up the shards, and check that they cover all staged rows."""
        from shared.customers.summary import add_up, lowest_profile

        totals = add_up(shards, context.staged.facts)
        sample = None if context.parameters.redact else lowest_profile(context, shards)
        return {**totals, "sample_profile": sample}

    def records(self, path: Path) -> Iterator[tuple[str, Json]]:
        """Profiles by customer, without the key, which follows from the other fields."""
        import pyarrow.parquet as pq

        with pq.ParquetFile(path) as parquet:
            for batch in parquet.iter_batches():
                for profile in batch.drop_columns(["idempotency_key"]).to_pylist():
                    yield profile.pop(KEY), {name: _plain(value) for name, value in profile.items()}

    def generate(self, folder: Path, records: int, seed: int) -> None:
        """Write the four CSV files of that many customers."""
        from shared.customers.generate import generate

        generate(folder, customers=records, seed=seed)

    def summary(self, result: Json) -> dict[str, str]:
        """The merged counts and the scores."""
        from shared.customers.summary import summary_lines

        return summary_lines(result)


def _plain(value: Any) -> Any:  # noqa: ANN401 — a cell
    return value.isoformat() if isinstance(value, date) else value


pipeline = CustomerMerge()
