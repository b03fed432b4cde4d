"""What a run did, as labels and texts: for a terminal, and for the page of an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.run.printable import printable

if TYPE_CHECKING:
    from shared.run.pipeline import Json, LoadedPipeline


def summary_of(pipeline: LoadedPipeline, result: Json) -> dict[str, str]:
    """Labels and texts: the run, the pipeline's own lines, the shards, the digest."""
    retries = sum(timing["attempt"] - 1 for timing in result["shard_timings"])
    own = pipeline.summary(result) if pipeline.summary else {}
    return {
        "run": f"{result['run_id']} on {result['engine']}",
        **{printable(label): printable(text) for label, text in own.items()},
        "shards": f"{result['shards_processed']}{f', {retries} retried' if retries else ''}",
        "digest": result["digest"],
    }
