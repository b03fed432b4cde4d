"""Compares a run's store and answer with a run without faults: missing, duplicated, stale records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flows.compare.observe.files import Shard, files_of_shards, unexpected_files
from flows.compare.observe.results import RESULT, answer_differences, state_differences, told_by
from flows.compare.observe.verifying import Verified
from flows.compare.record.observed import Published
from shared.state.varying import leave_out

if TYPE_CHECKING:
    from collections.abc import Collection

    from flows.compare.observe.files import FileDifference
    from shared.run.run import Run
    from shared.state.varying import Varying

Json = dict[str, Any]


def published(
    run: Run,
    reference: Run,
    answer: Json | None = None,
    varying: Collection[Varying] = (),
    checked: Verified | None = None,
) -> Published:
    """Compare every shard that counts, byte by byte and then record by record, and everything that is published beside.

    Args:
        run: What is judged. Without a result, what it committed and what it left in its output folder is compared.
        reference: A run without faults over the same data.
        answer: What the caller of the run was given as its result; None where it got none.
        varying: What differs between runs without faults, and so is not compared.
        checked: What the pipeline's own ``verify`` says of the run; by default it was not called.
    """
    result, committed = run.result(), run.committed()
    assert reference.result() is not None  # noqa: S101 — it has finished, or there would be no comparison
    found = _differences(run, reference)
    places = [*(difference.where for difference in found), unexpected_files(run)]
    checked = checked or Verified()
    told = _told(run, reference, varying) if result is not None else []
    return Published(
        finished=result is not None,
        digest=result["digest"] if result else None,
        committed=len(committed),
        missing=sum(difference.missing for difference in found),
        duplicated=sum(difference.duplicated for difference in found),
        stale=sum(difference.stale for difference in found),
        first_difference=next(filter(None, places), ""),
        other_bytes=sum(difference.other_bytes for difference in found),
        left=0 if result is not None else len(files_of_shards(run)),
        result=tuple(each.removeprefix(f"{RESULT}: ") for each in told if each.startswith(RESULT)),
        beside=tuple(each for each in told if not each.startswith(RESULT)),
        answer=tuple(answer_differences(answer, result)) if answer is not None else (),
        problems=checked.problems,
        unverified=checked.failure,
    )


def _differences(run: Run, reference: Run) -> list[FileDifference]:
    """Of a run that finished: all published files. Of another: the parts that count, and the files that it left."""
    if run.result() is not None:
        here = [Shard(run, shard, published=True) for shard in range(run.job.num_shards)]
    else:
        here = [Shard(run, shard, published=False) for shard in sorted(run.committed())]
        here += [Shard(run, shard, published=True) for shard in files_of_shards(run)]
    return [each.difference(Shard(reference, each.number, published=True)) for each in here]


def _told(run: Run, reference: Run, varying: Collection[Varying]) -> list[str]:
    here, there = (leave_out(told_by(each), varying) for each in (run, reference))
    return state_differences(here, there)
