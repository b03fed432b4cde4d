"""What a run left in its store and answered, against an undisturbed run: missing, duplicated, stale records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flows.compare.observe.files import Shard, unexpected_files
from flows.compare.observe.results import answer_differences, result_differences
from flows.compare.record.observed import Published

if TYPE_CHECKING:
    from shared.run.run import Run

Json = dict[str, Any]


def published(run: Run, reference: Run, answer: Json | None = None, varying: frozenset[str] = frozenset()) -> Published:
    """Compare every shard that counts, byte by byte and then record by record, the result and the answer.

    Args:
        run: What is judged.
        reference: An undisturbed run over the same data.
        answer: What the caller of the run was given as its result; None where it got none.
        varying: Fields of the result that differ between undisturbed runs.
    """
    result, wanted, committed = run.result(), reference.result(), run.committed()
    assert wanted is not None  # noqa: S101 — the reference has finished, or there would be no comparison
    shards = sorted(committed if result is None else range(run.job.num_shards))
    found = [
        Shard(run, shard, published=result is not None).difference(Shard(reference, shard, published=True))
        for shard in shards
    ]
    places = [difference.where for difference in found] + ([unexpected_files(run)] if result is not None else [])
    return Published(
        finished=result is not None,
        digest=result["digest"] if result else None,
        committed=len(committed),
        missing=sum(difference.missing for difference in found),
        duplicated=sum(difference.duplicated for difference in found),
        stale=sum(difference.stale for difference in found),
        first_difference=next(filter(None, places), ""),
        result=tuple(result_differences(result, wanted, varying)) if result is not None else (),
        answer=tuple(answer_differences(answer, result)) if answer is not None else (),
        problems=tuple(_problems(run, result)) if result is not None else (),
    )


def _problems(run: Run, result: Json) -> list[str]:
    """What the pipeline finds wrong outside the store, if it looks."""
    return run.pipeline.verify(run.context(0), result) if run.pipeline.verify else []
