"""Formats what a run did as labels and texts, for terminals and UIs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.run.printable import printable

if TYPE_CHECKING:
    from shared.run.pipeline import Json, LoadedPipeline


PROTOCOL = {"run_id", "pipeline", "engine", "digest", "output", "shards_processed", "shard_timings"}  # in every result


def summary_of(pipeline: LoadedPipeline | None, result: Json) -> dict[str, str]:
    """Return labels and texts: the run, the aggregate's values, the shards, the digest.

    The digest says "over files" if the pipeline has no records.

    Args:
        pipeline: The pipeline whose ``summary`` formats the result; without one, single values of the result are shown.
            None if this process may not import it.
        result: The result of the run.
    """
    retries = sum(timing["attempt"] - 1 for timing in result["shard_timings"])
    own = pipeline.summary(result) if pipeline and pipeline.summary else _values(result)
    files = pipeline is not None and not (pipeline.records or pipeline.digest)
    return {
        "run": f"{result['run_id']} on {result['engine']}",
        **{printable(label): printable(text) for label, text in own.items()},
        "shards": f"{result['shards_processed']}{f', {retries} retried' if retries else ''}",
        "digest": f"{result['digest']}{' over files' if files else ''}",
    }


def _values(result: Json) -> dict[str, str]:
    """Return the numbers and texts of the aggregate's result; ``--json`` shows lists and objects."""
    found = {label: value for label, value in result.items() if label not in PROTOCOL}
    single = {label: value for label, value in found.items() if isinstance(value, str | int | float)}
    return {label: value if isinstance(value, str) else f"{value:,}" for label, value in single.items()}
